import { ResponseError, topicProblem } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isSystemTopic } from '../metadata/system-topics.ts'

/** DELETE_TOPIC_IN_BROKER: forgets a topic, its consume queues and offsets; its messages leave with the commit log. */
export const deleteTopicInBroker: Handler<'deleteTopicInBroker'> = async (
  { topic },
  { topics, offsets, store, stats },
) => {
  const problem = topicProblem(topic)
  if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  if (isSystemTopic(topic, topics.options))
    throw new ResponseError('INVALID_PARAMETER', `The topic[${topic}] is conflict with system topic.`)
  await topics.delete(topic, async () => {
    offsets.deleteTopic(topic)
    stats.forgetTopic(topic)
    // A topic of this name that is made anew begins at 0: groups must not go on where they were.
    await offsets.flush()
    // Messages that are on their way to the disk would come into the queues of that new topic.
    await store.committed(store.maxPhysicalOffset, true).catch(() => {})
    await store.deleteTopic(topic)
  })
  return {}
}
