import type { Handler } from '../handler.ts'

/** QUERY_TOPICS_BY_CONSUMER: the topics in which a group has committed offsets. */
export const queryTopicsByConsumer: Handler<'queryTopicsByConsumer'> = ({ group }, { offsets }) => ({
  body: { topicList: offsets.topicsOf(group) },
})
