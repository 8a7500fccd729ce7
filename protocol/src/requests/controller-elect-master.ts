import { electMasterResponseBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { groupRecordReply } from './common/group-member-fields.ts'

/** CONTROLLER_ELECT_MASTER: asks for an election; with `designateElect` of this very broker. */
export const controllerElectMaster = request({
  code: 1002,
  header: {
    clusterName: f.string(),
    brokerName: f.string(),
    brokerId: f.long().default(-1),
    designateElect: f.bool().default(false),
    invokeTime: f.long().default(0),
    /** A master hands over: it must still be that of this epoch. `brokerId` -1 lets the controller choose among the others. */
    handOverEpoch: f.int().optional(),
    /** The master's process, with `handOverEpoch`. */
    processId: f.string().optional(),
    /** With `handOverEpoch`: the master stops, so the set that begins is without it. */
    leaves: f.bool().default(false),
  },
  reply: {
    masterBrokerId: f.long().optional(),
    masterAddress: f.string().optional(),
    masterEpoch: f.int().optional(),
    syncStateSetEpoch: f.int().optional(),
    ...groupRecordReply,
  },
  replyBody: electMasterResponseBody,
})
