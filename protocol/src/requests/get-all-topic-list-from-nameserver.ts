import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_ALL_TOPIC_LIST_FROM_NAMESERVER: all topics that a name server knows. */
export const getAllTopicListFromNameserver = request({
  code: 206,
  replyBody: topicList,
})
