import { groupList } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_TOPIC_CONSUME_BY_WHO: the groups that consume a topic. */
export const queryTopicConsumeByWho = request({
  code: 300,
  header: { topic: f.string() },
  replyBody: groupList,
})
