import { queryConsumeQueueResponseBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_CONSUME_QUEUE: entries of one consume queue from `index` on, judged with a group's filter. */
export const queryConsumeQueue = request({
  code: 321,
  header: {
    topic: f.string(),
    queueId: f.int().default(0),
    index: f.long().default(0),
    count: f.int().default(0),
    consumerGroup: f.string().optional(),
  },
  replyBody: queryConsumeQueueResponseBody,
})
