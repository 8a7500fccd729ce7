import type { MessageQueue } from '@rocketcluster/protocol'

/** How a topic's queues are shared out among the consumers of a group: all see the same two lists in the same order. */
export type Allocate = (
  clientId: string,
  queues: readonly MessageQueue[],
  clientIds: readonly string[],
) => MessageQueue[]

/** AllocateMessageQueueAveragely.java: neighbours stay together, the first ones get one more. */
const averagely: Allocate = (clientId, queues, clientIds) => {
  const index = clientIds.indexOf(clientId)
  if (index < 0) return []
  const rest = queues.length % clientIds.length
  const least = Math.floor(queues.length / clientIds.length)
  const start = index * least + Math.min(index, rest)
  return queues.slice(start, start + least + (index < rest ? 1 : 0))
}

/** AllocateMessageQueueAveragelyByCircle.java: in turn, like dealing cards. */
const byCircle: Allocate = (clientId, queues, clientIds) => {
  const index = clientIds.indexOf(clientId)
  return index < 0 ? [] : queues.filter((_, i) => i % clientIds.length === index)
}

/** By the name that clients send. */
export const strategies: ReadonlyMap<string, Allocate> = new Map([
  ['AVG', averagely],
  ['AVG_BY_CIRCLE', byCircle],
])

/** MessageQueue.java#compareTo: by topic, broker, queue. */
export function inOrder(queues: readonly MessageQueue[]): MessageQueue[] {
  const by = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return [...queues].sort((a, b) => by(a.topic, b.topic) || by(a.brokerName, b.brokerName) || a.queueId - b.queueId)
}

/**
 * For groups that pop: with `shareQueueNum` of 0 (or as many as there are others) everybody pops everything, one entry with
 * queue id -1 for each broker; else each consumer also gets the queues of that many consumers behind it
 * (QueryAssignmentProcessor.java#allocate4Pop).
 */
export function allocateForPop(
  allocate: Allocate,
  clientId: string,
  queues: readonly MessageQueue[],
  clientIds: readonly string[],
  shareQueueNum: number,
): MessageQueue[] {
  if (shareQueueNum <= 0 || shareQueueNum >= clientIds.length - 1)
    return unique(queues.map(({ topic, brokerName }) => ({ topic, brokerName, queueId: -1 })))
  const index = clientIds.indexOf(clientId)
  if (index < 0) return []
  // Nobody shall go without.
  if (clientIds.length > queues.length) return [queues[index % queues.length]!]
  const allocated: MessageQueue[] = []
  for (let i = 0; i <= shareQueueNum; i++)
    allocated.push(...allocate(clientIds[(index + i) % clientIds.length]!, queues, clientIds))
  return unique(allocated)
}

function unique(queues: readonly MessageQueue[]): MessageQueue[] {
  const byKey = new Map(queues.map(queue => [`${queue.topic} ${queue.brokerName} ${queue.queueId}`, queue]))
  return [...byKey.values()]
}
