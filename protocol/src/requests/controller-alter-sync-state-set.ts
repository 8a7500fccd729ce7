import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CONTROLLER_ALTER_SYNC_STATE_SET: a master proposes who is in sync. */
export const controllerAlterSyncStateSet = request({
  code: 1001,
  header: { brokerName: f.string(), masterBrokerId: f.long(), masterEpoch: f.int(), invokeTime: f.long().default(0) },
  body: syncStateSet,
  reply: { newSyncStateSetEpoch: f.int().default(0) },
  replyBody: syncStateSet,
})
