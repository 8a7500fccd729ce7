import { consumeStats } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_CONSUME_STATS: how far a group is behind in each queue. `topicList` is separated by semicolons. */
export const getConsumeStats = request({
  code: 208,
  header: { consumerGroup: f.string(), topic: f.string().optional(), topicList: f.string().optional() },
  replyBody: consumeStats,
})
