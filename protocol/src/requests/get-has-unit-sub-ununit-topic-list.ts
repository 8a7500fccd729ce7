import { topicList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: topics of no unit with a subscription of a unit. */
export const getHasUnitSubUnunitTopicList = request({
  code: 313,
  replyBody: topicList,
})
