import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_MAX_OFFSET: the offset that one queue will give to its next message. */
export const getMaxOffset = request({
  code: 30,
  header: { topic: f.string(), queueId: f.int(), committed: f.bool().default(true) },
  reply: { offset: f.long() },
})
