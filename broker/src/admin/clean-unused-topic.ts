import type { Handler } from '../handler.ts'
import { forgetTopic } from './delete-topic-in-broker.ts'

/** CLEAN_UNUSED_TOPIC: consume queues, offsets and counters of topics that are not there any more go now. */
export const cleanUnusedTopic: Handler<'cleanUnusedTopic'> = async (_header, context) => {
  const { store, topics } = context
  for (const { topic } of [...store.topics()]) if (!topics.get(topic)) await forgetTopic(topic, context)
  return {}
}
