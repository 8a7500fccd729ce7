import { topicStatsTable } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_TOPIC_STATS_INFO: first and last offset of each queue of a topic. */
export const getTopicStatsInfo = request({
  code: 202,
  header: { topic: f.string() },
  replyBody: topicStatsTable,
})
