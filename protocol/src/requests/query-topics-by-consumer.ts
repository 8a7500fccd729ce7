import { topicList } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_TOPICS_BY_CONSUMER: the topics that a group consumes. */
export const queryTopicsByConsumer = request({
  code: 343,
  header: { group: f.string() },
  replyBody: topicList,
})
