import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/**
 * INVOKE_BROKER_TO_RESET_OFFSET: a group goes on from a time (-1: from the end) or an exact offset, on the server: the
 * next pull of each queue is told to go there. Without isForce a queue only goes back, never forward over messages
 * that were not consumed (AdminBrokerProcessor.java#resetOffsetInner).
 */
export const invokeBrokerToResetOffset: Handler<'invokeBrokerToResetOffset'> = async (header, context) => {
  const { topics, groups, offsets, store, config } = context
  const { topic, group, timestamp, isForce } = header
  const known = topics.get(topic)
  if (!known) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  if (!groups.get(group)) throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `Group ${group} not exist!`)
  const queueId = header.queueId ?? -1
  if (queueId >= known.readQueueNums)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `queueId ${queueId} is illegal, topic ${topic} has ${known.readQueueNums} read queues`,
    )
  const queueIds = queueId >= 0 ? [queueId] : [...Array(known.readQueueNums).keys()]
  const targets = new Map<number, number>()
  for (const id of queueIds) {
    const minOffset = store.minOffset(topic, id)
    const maxOffset = store.maxOffset(topic, id)
    if (header.offset !== undefined && header.offset >= 0 && (header.offset < minOffset || header.offset > maxOffset))
      throw new ResponseError(
        'SYSTEM_ERROR',
        `Target offset ${header.offset} not in consume queue range [${minOffset}-${maxOffset}]`,
      )
    const target =
      header.offset !== undefined && header.offset >= 0
        ? header.offset
        : timestamp < 0
          ? maxOffset
          : await store.offsetByTime(topic, id, timestamp, 'LOWER')
    const committed = offsets.query(group, topic, id) ?? 0
    targets.set(id, isForce || target < committed ? target : committed)
  }
  // All offsets were found: all queues are reset or, when the disk refuses, none.
  await offsets.reset(group, topic, targets)
  const offsetTable = new Map(
    [...targets].map(([id, target]) => [{ brokerName: config.brokerName, queueId: id, topic }, target]),
  )
  return { body: { offsetTable } }
}
