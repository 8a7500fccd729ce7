import type { Handler } from '../handler.ts'
import { checkTopicListEnabled } from './topic-list.ts'

/** GET_TOPICS_BY_CLUSTER: the topics that some group of a cluster has; none when there is no such cluster. */
export const getTopicsByCluster: Handler<'getTopicsByCluster'> = ({ cluster }, { routes, configuration }) => {
  checkTopicListEnabled(configuration)
  return { body: { topicList: routes.topicsOfCluster(cluster) } }
}
