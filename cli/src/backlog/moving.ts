/** What a moved message looks like and which queue it goes to: plain values. */
import type { Message, MessageQueue, ReceivedMessage } from '@rocketcluster/client'
import { property } from '@rocketcluster/protocol'

/** Properties by which a moved message tells where it was: topic, `brokerName:queueId`, offset. */
export const RELIEF_TOPIC = 'RELIEF_TOPIC'
export const RELIEF_QUEUE = 'RELIEF_QUEUE'
export const RELIEF_OFFSET = 'RELIEF_OFFSET'

/**
 * What a broker acts on when it gets a message. They have done their work on the first way: with them a message that was
 * delayed would be delayed again, and one of a transaction would become half of another.
 */
const DONE: ReadonlySet<string> = new Set([
  property.DELAY_TIME_LEVEL,
  property.TIMER_DELAY_SEC,
  property.TIMER_DELAY_MS,
  property.TIMER_DELIVER_MS,
  property.TIMER_ENQUEUE_MS,
  property.TIMER_DEQUEUE_MS,
  property.TIMER_ROLL_TIMES,
  property.TIMER_OUT_MS,
  property.TIMER_DEL_UNIQKEY,
  property.TIMER_ROLL_LABEL,
  property.TIMER_DELAY_LEVEL,
  property.TIMER_ENGINE_TYPE,
  property.TRANSACTION_PREPARED,
  property.PRODUCER_GROUP,
  property.TRANSACTION_PREPARED_QUEUE_OFFSET,
  property.TRANSACTION_CHECK_TIMES,
  property.REAL_TOPIC,
  property.REAL_QUEUE_ID,
  property.WAIT_STORE_MSG_OK,
  property.INNER_NUM,
  property.INNER_BASE,
  property.INNER_MULTI_DISPATCH,
  property.INNER_MULTI_QUEUE_OFFSET,
  property.CRC32,
  property.CLUSTER,
  property.MSG_REGION,
  property.TRACE_SWITCH,
  property.MIN_OFFSET,
  property.MAX_OFFSET,
  property.POP_CK,
  property.POP_CK_OFFSET,
])

/** The same body, tags, keys, UNIQ_KEY and properties of the application, for the temporary topic. */
export function movedMessage(message: ReceivedMessage, topic: string): Message {
  const properties: Record<string, string> = {}
  for (const [name, value] of message.properties) if (!DONE.has(name)) properties[name] = value
  const { brokerName, queueId } = message.messageQueue
  properties[RELIEF_TOPIC] = message.topic
  properties[RELIEF_QUEUE] = `${brokerName}:${queueId}`
  properties[RELIEF_OFFSET] = String(message.queueOffset)
  return { topic, body: message.body, flag: message.flag, properties }
}

/**
 * By which messages are kept in order: the value of `keyProperty`; where a message has none, its queue, so that it stays behind
 * those in front of it.
 */
export function orderKey(message: ReceivedMessage, keyProperty: string): string {
  const { brokerName, queueId } = message.messageQueue
  const value = message.properties.get(keyProperty)
  return value ? `k${value}` : `q${brokerName}:${queueId}`
}

/** FNV-1a with a last mixing, so that keys that count up spread too. Part of a relief's progress: it may never change. */
export function queueOf(key: string, queues: number): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % queues
}

/** Messages and bytes of one request: small beside the 4 MiB that brokers take. */
const BATCH_MESSAGES = 128
const BATCH_BYTES = 512 * 1024
/** A record has properties and fields beside its body. */
const RECORD_BYTES = 1024

export interface Batch {
  readonly target: MessageQueue
  readonly messages: readonly Message[]
}

/** Batches for each target queue, in the order in which they have to be sent; `pick` tells the target of a message. */
export function batches(
  received: readonly ReceivedMessage[],
  topic: string,
  pick: (message: ReceivedMessage) => MessageQueue,
): Batch[][] {
  const byTarget = new Map<MessageQueue, { batches: { target: MessageQueue; messages: Message[] }[]; bytes: number }>()
  for (const message of received) {
    const target = pick(message)
    let line = byTarget.get(target)
    if (!line) {
      line = { batches: [], bytes: 0 }
      byTarget.set(target, line)
    }
    const size = message.body.length + RECORD_BYTES
    const last = line.batches.at(-1)
    if (last && last.messages.length < BATCH_MESSAGES && line.bytes + size <= BATCH_BYTES) {
      last.messages.push(movedMessage(message, topic))
      line.bytes += size
    } else {
      line.batches.push({ target, messages: [movedMessage(message, topic)] })
      line.bytes = size
    }
  }
  return [...byTarget.values()].map(line => line.batches)
}
