import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupRecordReply } from './common/group-member-fields.ts'

/** NOTIFY_BROKER_ROLE_CHANGED: the controller tells a broker who is master now. */
export const notifyBrokerRoleChanged = request({
  code: 1008,
  header: {
    masterAddress: f.string().optional(),
    masterEpoch: f.int().optional(),
    syncStateSetEpoch: f.int().optional(),
    masterBrokerId: f.long().optional(),
    ...groupRecordReply,
  },
  body: syncStateSet,
})
