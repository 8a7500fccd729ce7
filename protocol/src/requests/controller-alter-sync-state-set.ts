import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupRecordReply } from './common/group-member-fields.ts'

/** CONTROLLER_ALTER_SYNC_STATE_SET: a master proposes who is in sync. */
export const controllerAlterSyncStateSet = request({
  code: 1001,
  header: {
    brokerName: f.string(),
    masterBrokerId: f.long(),
    masterEpoch: f.int(),
    invokeTime: f.long().default(0),
    /** The process that proposes, of our brokers. */
    processId: f.string().optional(),
    /** The stores that the master replicates to, `brokerId:storeId:bootId` with semicolons between: each must be the one in the record. */
    stores: f.string().optional(),
  },
  body: syncStateSet,
  reply: { newSyncStateSetEpoch: f.int().default(0), ...groupRecordReply },
  replyBody: syncStateSet,
})
