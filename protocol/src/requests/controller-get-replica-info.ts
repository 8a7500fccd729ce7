import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CONTROLLER_GET_REPLICA_INFO: who is master of a group and who is in sync. */
export const controllerGetReplicaInfo = request({
  code: 1004,
  header: { brokerName: f.string() },
  reply: { masterBrokerId: f.long().optional(), masterAddress: f.string().optional(), masterEpoch: f.int().optional() },
  replyBody: syncStateSet,
})
