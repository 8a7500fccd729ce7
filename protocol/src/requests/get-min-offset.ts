import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_MIN_OFFSET: the offset of the oldest message that one queue still has. */
export const getMinOffset = request({
  code: 31,
  header: { topic: f.string(), queueId: f.int() },
  reply: { offset: f.long() },
})
