import { syncStateSet } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupMemberFields, groupRecordReply } from './common/group-member-fields.ts'

/** CONTROLLER_REGISTER_BROKER: a broker with its id reports to the controller. */
export const controllerRegisterBroker = request({
  code: 1003,
  header: {
    clusterName: f.string(),
    brokerName: f.string(),
    brokerId: f.long(),
    brokerAddress: f.string(),
    invokeTime: f.long().default(0),
    ...groupMemberFields,
    /** Last epoch and end of its log, as in BROKER_HEARTBEAT. */
    epoch: f.int().optional(),
    maxOffset: f.long().optional(),
    electionPriority: f.int().optional(),
    heartbeatTimeoutMills: f.long().optional(),
  },
  reply: {
    clusterName: f.string().optional(),
    brokerName: f.string().optional(),
    masterBrokerId: f.long().optional(),
    masterAddress: f.string().optional(),
    masterEpoch: f.int().optional(),
    syncStateSetEpoch: f.int().optional(),
    ...groupRecordReply,
  },
  replyBody: syncStateSet,
})
