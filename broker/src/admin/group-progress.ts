import type { ConsumeStats, MessageQueue, OffsetWrapper } from '@rocketcluster/protocol'
import type { NamedTopic } from '../metadata/system-topics.ts'
import type { BrokerServices } from '../services.ts'

/** How far a group is in one queue: entries, and the store time (ms) of the last message that it has consumed, or 0. */
async function queueProgress(
  { offsets, store }: BrokerServices,
  group: string,
  topic: string,
  queueId: number,
): Promise<OffsetWrapper> {
  const consumerOffset = offsets.query(group, topic, queueId) ?? 0
  const last = consumerOffset > 0 ? await store.storeTimestampAt(topic, queueId, consumerOffset - 1) : 0
  return {
    brokerOffset: store.maxOffset(topic, queueId),
    consumerOffset,
    pullOffset: offsets.pullOffset(group, topic, queueId) ?? consumerOffset,
    lastTimestamp: Math.max(0, last),
  }
}

/** How far a group is in the first `queues` queues of each topic. `consumeTps` is of all of them together. */
export async function groupProgress(
  services: BrokerServices,
  group: string,
  topics: readonly NamedTopic[],
  queues: (topic: NamedTopic) => number,
): Promise<ConsumeStats> {
  const { config, recentStats } = services
  const offsetTable = new Map<MessageQueue, OffsetWrapper>()
  let consumeTps = 0
  for (const topic of topics) {
    const { topicName } = topic
    for (let queueId = 0; queueId < queues(topic); queueId++)
      offsetTable.set(
        { brokerName: config.brokerName, queueId, topic: topicName },
        await queueProgress(services, group, topicName, queueId),
      )
    consumeTps += recentStats.tps('GROUP_GET_NUMS', `${topicName}@${group}`)
  }
  return { consumeTps, offsetTable }
}

/** A topic that the group's members left is not part of its progress any more, while it has members. */
export function hasLeft({ clients }: BrokerServices, group: string, topic: string): boolean {
  const subscriptions = clients.consumerGroup(group)?.subscriptions
  return subscriptions !== undefined && subscriptions.size > 0 && !subscriptions.has(topic)
}
