import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_EARLIEST_MSG_STORETIME: when the oldest message of one queue was stored (ms since 1970). */
export const getEarliestMsgStoretime = request({
  code: 32,
  header: { topic: f.string(), queueId: f.int() },
  reply: { timestamp: f.long() },
})
