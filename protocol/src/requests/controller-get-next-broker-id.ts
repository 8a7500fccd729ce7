import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CONTROLLER_GET_NEXT_BROKER_ID: the id a new member of a group should ask for. */
export const controllerGetNextBrokerId = request({
  code: 1012,
  header: { clusterName: f.string(), brokerName: f.string() },
  reply: { clusterName: f.string().optional(), brokerName: f.string().optional(), nextBrokerId: f.long().optional() },
})
