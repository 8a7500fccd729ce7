import type { Handler } from '../handler.ts'
import { isSystemTopic } from '../metadata/system-topics.ts'

/** GET_SYSTEM_TOPIC_LIST_FROM_BROKER: the topics that belong to the broker and not to its users. */
export const getSystemTopicListFromBroker: Handler<'getSystemTopicListFromBroker'> = (_header, { topics }) => ({
  body: {
    topicList: [...topics.all()].map(config => config.topicName).filter(name => isSystemTopic(name, topics.options)),
  },
})
