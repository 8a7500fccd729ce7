import type { Handler } from '../handler.ts'
import { checkTopicListEnabled, UNIT, UNIT_SUB } from './topic-list.ts'

/** GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: the topics that a unit subscribes to and that belong to none. */
export const getHasUnitSubUnunitTopicList: Handler<'getHasUnitSubUnunitTopicList'> = (
  _header,
  { routes, configuration },
) => {
  checkTopicListEnabled(configuration)
  return { body: { topicList: routes.topicsBySysFlag(flag => (flag & (UNIT | UNIT_SUB)) === UNIT_SUB) } }
}
