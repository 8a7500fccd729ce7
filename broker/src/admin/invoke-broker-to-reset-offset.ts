import { type MessageQueue, ResponseError } from '@rocketcluster/protocol'
import type { BrokerContext, Handler } from '../handler.ts'
import type { NamedTopic } from '../metadata/system-topics.ts'
import { tellConsumers } from './tell-consumers.ts'

/**
 * INVOKE_BROKER_TO_RESET_OFFSET: a group goes on from a time (-1: from the end) or an exact offset. On the server: the next
 * pull of each queue is told to go there, whenever that is (AdminBrokerProcessor.java#resetOffsetInner). With
 * useServerSideResetOffset=false by the consumers: those that are online are told, and none is an error
 * (Broker2Client.java#resetOffset). By time without isForce a queue only goes back, never forward over messages that were not
 * consumed; who names an exact offset means it, and clients have no isForce to say there. A time before the first message is
 * that message, one after the last is the end.
 */
export const invokeBrokerToResetOffset: Handler<'invokeBrokerToResetOffset'> = async (header, context) => {
  const { topics, groups, offsets, config } = context
  const { topic, group } = header
  const known = topics.get(topic)
  if (!known) throw new ResponseError('TOPIC_NOT_EXIST', `Topic ${topic} does not exist`)
  if (!config.useServerSideResetOffset) {
    const offsetTable = await byTime(header, [...Array(known.writeQueueNums).keys()], context, queueId => {
      const committed = offsets.query(group, topic, queueId)
      if (committed === undefined)
        throw new ResponseError(
          'SYSTEM_ERROR',
          `THe consumer group <${group}> not exist: it never committed in ${topic}`,
        )
      return committed
    })
    tellConsumers(header, offsetTable, context)
    return { body: { offsetTable } }
  }
  if (!groups.get(group)) throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `Group ${group} does not exist`)
  const queueIds = queuesToReset(known, header.queueId)
  const target = header.offset
  const offsetTable =
    target !== undefined && target !== -1
      ? toOffset(header, target, queueIds, context)
      : await byTime(header, queueIds, context, queueId => offsets.query(group, topic, queueId) ?? 0)
  // All offsets were found: all queues are reset or, when the disk refuses, none.
  await offsets.reset(group, topic, new Map([...offsetTable].map(([{ queueId }, offset]) => [queueId, offset])))
  return { body: { offsetTable } }
}

type Context = BrokerContext<'invokeBrokerToResetOffset'>

interface Reset {
  readonly topic: string
  readonly group: string
  /** ms since 1970; negative: the end. */
  readonly timestamp: number
  readonly isForce: boolean
}

function queuesToReset({ topicName, readQueueNums }: NamedTopic, queueId: number): number[] {
  if (queueId >= readQueueNums)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `queueId ${queueId} is illegal, topic ${topicName} has ${readQueueNums} read queues`,
    )
  return queueId >= 0 ? [queueId] : [...Array(readQueueNums).keys()]
}

async function byTime(
  { topic, timestamp, isForce }: Reset,
  queueIds: readonly number[],
  { store, config }: Context,
  committedIn: (queueId: number) => number,
): Promise<Map<MessageQueue, number>> {
  const targets = new Map<MessageQueue, number>()
  for (const queueId of queueIds) {
    const committed = committedIn(queueId)
    const target =
      timestamp < 0 ? store.maxOffset(topic, queueId) : await store.offsetByTime(topic, queueId, timestamp, 'LOWER')
    targets.set({ brokerName: config.brokerName, queueId, topic }, isForce || target < committed ? target : committed)
  }
  return targets
}

/** Throws SYSTEM_ERROR when the store does not have the offset in every queue that is to go there. */
function toOffset(
  { topic }: Reset,
  target: number,
  queueIds: readonly number[],
  { store, config }: Context,
): Map<MessageQueue, number> {
  const targets = new Map<MessageQueue, number>()
  for (const queueId of queueIds) {
    const [min, max] = [store.minOffset(topic, queueId), store.maxOffset(topic, queueId)]
    if (target < min || target > max)
      throw new ResponseError('SYSTEM_ERROR', `Target offset ${target} not in consume queue range [${min}-${max}]`)
    targets.set({ brokerName: config.brokerName, queueId, topic }, target)
  }
  return targets
}
