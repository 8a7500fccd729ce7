import type { Handler } from '../handler.ts'

/** GET_SYSTEM_TOPIC_LIST_FROM_NS: the topics named after clusters and groups, and a broker to ask for the others. */
export const getSystemTopicListFromNs: Handler<'getSystemTopicListFromNs'> = (_header, { routes }) => {
  const { topics, brokerAddr } = routes.systemTopics()
  return { body: { topicList: topics, brokerAddr } }
}
