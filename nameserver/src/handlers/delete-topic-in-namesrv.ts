import type { Handler } from '../handler.ts'

/** DELETE_TOPIC_IN_NAMESRV: forgets a topic, everywhere or in one cluster. Fine when there is none. */
export const deleteTopicInNamesrv: Handler<'deleteTopicInNamesrv'> = (
  { topic, clusterName },
  { routes, log, connection },
) => {
  routes.deleteTopic(topic, clusterName === '' ? undefined : clusterName)
  log.info({ topic, clusterName, by: connection.remoteAddress }, 'topic deleted')
  return {}
}
