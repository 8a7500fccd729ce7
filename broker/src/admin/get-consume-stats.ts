import type { Handler } from '../handler.ts'

/** GET_CONSUME_STATS: how far a group is behind, queue by queue; what `mqadmin consumerProgress` shows. */
export const getConsumeStats: Handler<'getConsumeStats'> = async (header, context) => {
  const { topics, offsets, store, config, clients } = context
  const { consumerGroup } = header
  const wanted = header.topic ? [header.topic] : offsets.topicsOf(consumerGroup)
  const subscriptions = clients.consumerGroup(consumerGroup)?.subscriptions
  const offsetTable = new Map()
  for (const topic of wanted) {
    const known = topics.get(topic)
    if (!known) continue
    // A topic that the group left long ago is not part of its progress (AdminBrokerProcessor.java#getConsumeStats).
    if (!header.topic && subscriptions && subscriptions.size > 0 && !subscriptions.has(topic)) continue
    for (let queueId = 0; queueId < known.readQueueNums; queueId++) {
      const consumerOffset = offsets.query(consumerGroup, topic, queueId) ?? 0
      const last = consumerOffset > 0 ? await store.storeTimestampAt(topic, queueId, consumerOffset - 1) : 0
      offsetTable.set(
        { brokerName: config.brokerName, queueId, topic },
        {
          brokerOffset: store.maxOffset(topic, queueId),
          consumerOffset,
          pullOffset: consumerOffset,
          lastTimestamp: Math.max(0, last),
        },
      )
    }
  }
  return { body: { consumeTps: 0, offsetTable } }
}
