import type { Handler } from '../handler.ts'
import { checkTopicListEnabled, UNIT } from './topic-list.ts'

/** GET_UNIT_TOPIC_LIST: the topics of units. */
export const getUnitTopicList: Handler<'getUnitTopicList'> = (_header, { routes, configuration }) => {
  checkTopicListEnabled(configuration)
  return { body: { topicList: routes.topicsBySysFlag(flag => (flag & UNIT) !== 0) } }
}
