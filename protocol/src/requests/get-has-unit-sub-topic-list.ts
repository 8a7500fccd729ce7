import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_HAS_UNIT_SUB_TOPIC_LIST: topics with a subscription of a unit. */
export const getHasUnitSubTopicList = request({
  code: 312,
  replyBody: topicList,
})
