import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * EXCHANGE_BROKER_HA_INFO: brokers of one group tell each other where the master's log is; an empty header asks the
 * master.
 */
export const exchangeBrokerHaInfo = request({
  code: 906,
  header: {
    masterHaAddress: f.string().optional(),
    masterFlushOffset: f.long().optional(),
    masterAddress: f.string().optional(),
  },
  reply: {
    masterHaAddress: f.string().optional(),
    masterFlushOffset: f.long().optional(),
    masterAddress: f.string().optional(),
  },
})
