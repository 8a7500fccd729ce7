import { decodeProperties, decodeRecord, property, recordProperties, recordTopic } from '@rocketcluster/protocol'
import { copyOf, type OutgoingMessage, withProperties } from '../outgoing-message.ts'
import { TIMER_TOPIC } from './timer-redirect.ts'

/** What the wheel has to know of a message that waits in the timer's topic. */
export interface TimedMessage {
  /** TIMER_OUT_MS: the slot it is for. */
  readonly slotMs: number
  readonly realTopic: string
  /** TIMER_DEL_UNIQKEY: it takes this message back instead of being one. */
  readonly recalls: string | undefined
}

/** undefined for what no broker has put there: a record of another topic, or without a time or a topic to go to. */
export function timedMessage(record: Buffer): TimedMessage | undefined {
  if (recordTopic(record, 0) !== TIMER_TOPIC) return undefined
  const properties = decodeProperties(recordProperties(record, 0))
  const slotMs = Number(properties.get(property.TIMER_OUT_MS) ?? Number.NaN)
  const realTopic = properties.get(property.REAL_TOPIC)
  const queueId = Number(properties.get(property.REAL_QUEUE_ID) ?? Number.NaN)
  if (!Number.isSafeInteger(slotMs) || slotMs < 0 || !realTopic || !Number.isInteger(queueId)) return undefined
  return { slotMs, realTopic, recalls: properties.get(property.TIMER_DEL_UNIQKEY) }
}

/** What a message is recalled by with appendTopicForTimerDeleteKey; else by its UNIQ_KEY (TimerMessageStore.java#buildDeleteKey). */
export const recallKey = (realTopic: string, uniqKey: string): string => `${realTopic}+${uniqKey}`

/** The one of the keys by which a stored message has been recalled; undefined when it has not. */
export function recalledBy(record: Buffer, realTopic: string, keys: ReadonlyMap<string, string>): string | undefined {
  const uniqKey = decodeProperties(recordProperties(record, 0)).get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
  if (uniqKey === undefined) return undefined
  return [uniqKey, recallKey(realTopic, uniqKey)].find(key => keys.has(key))
}

/** TIMER_ENQUEUE_MS of what was never in the wheel: Long.MAX_VALUE. */
export const NEVER_ENQUEUED = '9223372036854775807'

/**
 * The message on its way out of the wheel: to the topic it was sent to, or when it rolls once more into the timer's
 * (TimerMessageStore.java#convert).
 */
export function leavingWheel(record: Buffer, enqueueMs: string, nowMs: number, rolls: boolean): OutgoingMessage {
  const message = copyOf(decodeRecord(record))
  const times = { [property.TIMER_ENQUEUE_MS]: enqueueMs, [property.TIMER_DEQUEUE_MS]: String(nowMs) }
  if (rolls) {
    const rolled = Number(message.properties.get(property.TIMER_ROLL_TIMES) ?? 0) + 1
    return withProperties(message, { ...times, [property.TIMER_ROLL_TIMES]: String(rolled) })
  }
  return {
    ...withProperties(message, { ...times, [property.REAL_TOPIC]: undefined, [property.REAL_QUEUE_ID]: undefined }),
    topic: message.properties.get(property.REAL_TOPIC)!,
    queueId: Number(message.properties.get(property.REAL_QUEUE_ID)),
  }
}

/** Without what the wheel itself adds: for a message whose properties have no room for it. */
export const withoutTimes = (message: OutgoingMessage): OutgoingMessage =>
  withProperties(message, {
    [property.TIMER_ENQUEUE_MS]: undefined,
    [property.TIMER_DEQUEUE_MS]: undefined,
    [property.TIMER_ROLL_TIMES]: undefined,
  })
