import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_ALL_TOPIC_LIST_FROM_NAMESERVER: the names of all topics. */
export const getAllTopicListFromNameserver: Handler<'getAllTopicListFromNameserver'> = (
  _header,
  { routes, configuration },
) => {
  if (!configuration.current.enableAllTopicList) throw new ResponseError('SYSTEM_ERROR', 'disable')
  return { body: { topicList: routes.allTopics() } }
}
