import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupRecordReply } from './common/group-member-fields.ts'

/** CONTROLLER_GET_REPLICA_INFO: who is master of a group and who is in sync. */
export const controllerGetReplicaInfo = request({
  code: 1004,
  header: {
    brokerName: f.string(),
    /**
     * Raise the in-sync set's epoch first, so that no earlier proposal can still come into force: after one whose fate is unknown,
     * a plain read may show a record that this very proposal is about to replace.
     */
    settle: f.bool().default(false),
  },
  reply: {
    masterBrokerId: f.long().optional(),
    masterAddress: f.string().optional(),
    masterEpoch: f.int().optional(),
    ...groupRecordReply,
  },
  replyBody: syncStateSet,
})
