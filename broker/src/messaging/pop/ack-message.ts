import { type BatchAck, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'
import type { NamedTopic } from '../../metadata/system-topics.ts'
import type { BrokerServices } from '../../services.ts'
import { ORDER_REVIVE_QUEUE, parseHandle, type ReceiptHandle } from './extra-info.ts'
import { realTopic } from './retry-topics.ts'

/**
 * ACK_MESSAGE: a popped message was consumed. A handle that does not hold any more (its time is over, it was acknowledged
 * before, it is another broker's) is answered with SUCCESS as Apache does: its message has gone its own way.
 */
export const ackMessage: Handler<'ackMessage'> = async (header, context) => {
  const { store, pops, connection } = context
  const { topic, queueId, offset, consumerGroup: group } = header
  checkQueue(topic, queueId, context.topics.get(topic), connection.remoteAddress)
  const min = store.minOffset(topic, queueId)
  const max = store.maxOffset(topic, queueId)
  if (offset < min || offset > max)
    throw new ResponseError(
      'NO_MESSAGE',
      `offset is illegal, key:${topic}@${queueId}, commit:${offset}, store:${min}~${max}`,
    )
  const handle = handleOf(header.extraInfo)
  await pops.ready()
  if (handle.reviveQueueId === ORDER_REVIVE_QUEUE)
    ackOrderly(context, { topic, group, queueId, offset, popTime: handle.popTime })
  else await pops.ledger.acknowledge({ topic, group, queueId, ...pick(handle), queueOffsets: [offset] })
  return {}
}

/** BATCH_ACK_MESSAGE: as ACK_MESSAGE for many. Entries that make no sense are passed over, as there. */
export const batchAckMessage: Handler<'batchAckMessage'> = async (_header, context) => {
  const { pops, config } = context
  const body = context.body
  if (!body?.acks || body.acks.length === 0)
    throw new ResponseError('NO_MESSAGE', 'the body names no message: acks is empty')
  await pops.ready()
  const brokerName = body.brokerName ?? config.brokerName
  const done = await Promise.allSettled(body.acks.map(async ack => ackBatch(ack, brokerName, context)))
  for (const result of done) if (result.status === 'rejected') throw result.reason
  return {}
}

async function ackBatch(ack: BatchAck, brokerName: string, services: BrokerServices): Promise<void> {
  const { store, pops, topics } = services
  const { c: group, t: name, q: queueId, so: startOffset, pt: popTime } = ack
  if (group === undefined || name === undefined)
    throw new ResponseError('MESSAGE_ILLEGAL', 'an ack of the batch lacks its consumer group (c) or topic (t)')
  const topic = realTopic(name, group, ack.r)
  if (topic === undefined)
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `an ack of the batch has r ${JSON.stringify(ack.r)}; allowed are "0" (the topic), "1" and "2" (its retry topics)`,
    )
  if (topics.get(topic) === undefined) return
  const min = store.minOffset(topic, queueId)
  const max = store.maxOffset(topic, queueId)
  const queueOffsets = bitsOf(ack.b)
    .map(bit => startOffset + bit)
    .filter(offset => offset >= min && offset <= max)
  if (queueOffsets.length === 0) return
  if (ack.rq === ORDER_REVIVE_QUEUE) {
    for (const offset of queueOffsets) ackOrderly(services, { topic, group, queueId, offset, popTime })
    return
  }
  await pops.ledger.acknowledge({ topic, group, queueId, startOffset, popTime, brokerName, queueOffsets })
}

/** Java's BitSet.toByteArray: the least significant bit of the first byte is bit 0. */
function bitsOf(bytes: Uint8Array): number[] {
  const bits: number[] = []
  for (const [i, byte] of bytes.entries())
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) bits.push(i * 8 + bit)
  return bits
}

interface OrderlyAck {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  readonly offset: number
  readonly popTime: number
}

/** AckMessageProcessor.java#ackOrderly */
function ackOrderly({ offsets, pops }: BrokerServices, { topic, group, queueId, offset, popTime }: OrderlyAck): void {
  const committed = offsets.query(group, topic, queueId)
  if (committed !== undefined && offset < committed) return
  const ack = pops.orders.acknowledge(topic, group, queueId, offset, popTime)
  if (ack.kind === 'illegal')
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `offset is illegal, key:${topic}@${group}@${queueId}, old:${committed ?? -1}, commit:${offset}: the last ordered pop has not taken it`,
    )
  if (ack.kind === 'stale') return
  offsets.commit(group, topic, queueId, ack.nextOffset)
  if (!pops.orders.isBlocked(topic, group, queueId, undefined, 0)) pops.notify(topic, group, queueId)
}

/** As both ACK and CHANGE_INVISIBLETIME check it (AckMessageProcessor.java). */
export function checkQueue(name: string, queueId: number, topic: NamedTopic | undefined, remoteAddress: string): void {
  if (!topic) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${name}] not exist, apply first please!`)
  if (queueId >= topic.readQueueNums || queueId < 0)
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `queueId[${queueId}] is illegal, topic:[${name}] topicConfig.readQueueNums:[${topic.readQueueNums}] consumer:[${remoteAddress}]`,
    )
}

/** Throws SYSTEM_ERROR, what Apache's exception becomes, with a sentence that names the handle. */
export function handleOf(extraInfo: string): ReceiptHandle {
  try {
    return parseHandle(extraInfo)
  } catch (error) {
    throw new ResponseError('SYSTEM_ERROR', (error as Error).message)
  }
}

export const pick = ({ startOffset, popTime, brokerName }: ReceiptHandle) => ({ startOffset, popTime, brokerName })
