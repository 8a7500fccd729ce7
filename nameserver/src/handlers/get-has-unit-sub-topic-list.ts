import type { Handler } from '../handler.ts'
import { checkTopicListEnabled, UNIT_SUB } from './topic-list.ts'

/** GET_HAS_UNIT_SUB_TOPIC_LIST: the topics that a unit subscribes to. */
export const getHasUnitSubTopicList: Handler<'getHasUnitSubTopicList'> = (_header, { routes, configuration }) => {
  checkTopicListEnabled(configuration)
  return { body: { topicList: routes.topicsBySysFlag(flag => (flag & UNIT_SUB) !== 0) } }
}
