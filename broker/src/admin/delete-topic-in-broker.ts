import { popRetryTopic, ResponseError, topicProblem } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isSystemTopic } from '../metadata/system-topics.ts'
import type { BrokerServices } from '../services.ts'

/** DELETE_TOPIC_IN_BROKER: forgets a topic, its consume queues and offsets; its messages leave with the commit log. */
export const deleteTopicInBroker: Handler<'deleteTopicInBroker'> = async ({ topic }, context) => {
  const problem = topicProblem(topic)
  if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  if (isSystemTopic(topic, context.topics.options))
    throw new ResponseError('INVALID_PARAMETER', `The topic[${topic}] is conflict with system topic.`)
  const retryTopics = context.offsets
    .groupsOf(topic)
    .flatMap(group => [popRetryTopic(group, topic, 1), popRetryTopic(group, topic, 2)])
  await forgetTopic(topic, context)
  // What a pop consumer was given of it would come back from these.
  for (const retryTopic of retryTopics) if (context.topics.get(retryTopic)) await forgetTopic(retryTopic, context)
  return {}
}

/** Removes a topic and all that there is of it, also what a deletion that failed half-way has left. Throws as `Topics.delete`. */
export async function forgetTopic(
  topic: string,
  { topics, offsets, pops, store, stats, timer, transactions }: BrokerServices,
): Promise<void> {
  await topics.delete(topic, async () => {
    offsets.deleteTopic(topic)
    pops.ledger.forgetTopic(topic)
    pops.orders.forgetTopic(topic)
    stats.forgetTopic(topic)
    timer.forgetTopic(topic)
    transactions.counts.forgetTopic(topic)
    // A topic of this name that is made anew begins at 0: groups must not go on where they were.
    await offsets.flush()
    // Messages that are on their way to the disk would come into the queues of that new topic.
    await store.committed(store.maxPhysicalOffset, true).catch(() => {})
    await store.deleteTopic(topic)
  })
}
