import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_SYSTEM_TOPIC_LIST_FROM_BROKER: the broker's own topics. */
export const getSystemTopicListFromBroker = request({
  code: 305,
  replyBody: topicList,
})
