import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_UNIT_TOPIC_LIST: topics of a unit (topicSysFlag). */
export const getUnitTopicList = request({
  code: 311,
  replyBody: topicList,
})
