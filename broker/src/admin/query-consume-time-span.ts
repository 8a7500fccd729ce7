import { type QueueTimeSpan, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/**
 * QUERY_CONSUME_TIME_SPAN: when the oldest and the newest message of each queue were stored, when the one that the group
 * consumed last, and for how long the next one has been waiting; ms, -1 where there is no message
 * (AdminBrokerProcessor.java#queryConsumeTimeSpan).
 */
export const queryConsumeTimeSpan: Handler<'queryConsumeTimeSpan'> = async (header, context) => {
  const { topics, store, offsets, config, world } = context
  const { topic, group } = header
  const known = topics.get(topic)
  if (!known) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  const consumeTimeSpanSet: QueueTimeSpan[] = []
  for (let queueId = 0; queueId < known.writeQueueNums; queueId++) {
    const storedAt = (queueOffset: number) => store.storeTimestampAt(topic, queueId, queueOffset)
    const [min, max] = [store.minOffset(topic, queueId), store.maxOffset(topic, queueId)]
    const consumed = offsets.query(group, topic, queueId) ?? -1
    const minTimeStamp = await storedAt(min)
    const next = consumed < max ? await storedAt(Math.max(consumed, min)) : -1
    consumeTimeSpanSet.push({
      messageQueue: { brokerName: config.brokerName, queueId, topic },
      minTimeStamp,
      maxTimeStamp: await storedAt(max - 1),
      consumeTimeStamp: consumed > 0 ? await storedAt(consumed - 1) : minTimeStamp,
      // The message may be gone, or there may be none: then nothing waits.
      delayTime: next < 0 ? 0 : world.clock.now() - next,
    })
  }
  return { body: { consumeTimeSpanSet } }
}
