import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_SYSTEM_TOPIC_LIST_FROM_NS: names of clusters and brokers, which are topics too. */
export const getSystemTopicListFromNs = request({
  code: 304,
  replyBody: topicList,
})
