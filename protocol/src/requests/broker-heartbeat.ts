import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupMemberFields, groupRecordReply } from './common/group-member-fields.ts'

/** BROKER_HEARTBEAT: a broker is alive. Offsets in bytes of its log. */
export const brokerHeartbeat = request({
  code: 904,
  header: {
    clusterName: f.string(),
    brokerAddr: f.string(),
    brokerName: f.string(),
    brokerId: f.long().optional(),
    epoch: f.int().optional(),
    maxOffset: f.long().optional(),
    confirmOffset: f.long().optional(),
    heartbeatTimeoutMills: f.long().optional(),
    electionPriority: f.int().optional(),
    ...groupMemberFields,
  },
  reply: groupRecordReply,
})
