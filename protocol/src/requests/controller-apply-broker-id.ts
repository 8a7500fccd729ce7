import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CONTROLLER_APPLY_BROKER_ID: a new member takes an id; `registerCheckCode` (`address;random`) lets it ask again. */
export const controllerApplyBrokerId = request({
  code: 1013,
  header: { clusterName: f.string(), brokerName: f.string(), appliedBrokerId: f.long(), registerCheckCode: f.string() },
  reply: { clusterName: f.string().optional(), brokerName: f.string().optional() },
})
