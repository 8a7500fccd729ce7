import { KEY_SEPARATOR, RETRY_PREFIX } from '@rocketcluster/protocol'

/*
 * The texts by which clients and brokers name what was popped (ExtraInfoUtil.java). Clients and Apache's proxy take them
 * apart, so they are the same to the byte.
 */

/** Ordered pops have no check point: their handles say this revive queue (KeyBuilder.java#POP_ORDER_REVIVE_QUEUE). */
export const ORDER_REVIVE_QUEUE = 999

/** What a receipt handle (POP_CK, `extraInfo`) says. */
export interface ReceiptHandle {
  /** Where the pop began in its queue: with popTime it names the check point. */
  readonly startOffset: number
  readonly popTime: number
  readonly invisibleTime: number
  readonly reviveQueueId: number
  readonly brokerName: string
}

/** The fields that a broker needs of a handle; those behind (queue and offset) travel beside it too. */
const NEEDED_FIELDS = 6

/**
 * Reads `startOffset popTime invisibleTime reviveQid topicType brokerName queueId [msgQueueOffset]`.
 * Throws Error with a sentence that names the handle.
 */
export function parseHandle(extraInfo: string): ReceiptHandle {
  const fields = extraInfo.split(KEY_SEPARATOR)
  if (fields.length < NEEDED_FIELDS)
    throw new Error(
      `extraInfo ${JSON.stringify(extraInfo)} has ${fields.length} fields, at least ${NEEDED_FIELDS} are needed: startOffset popTime invisibleTime reviveQid topicType brokerName`,
    )
  const numbers = fields.slice(0, 4).map(Number)
  if (!numbers.every((value, i) => Number.isSafeInteger(value) && value >= 0 && fields[i] !== ''))
    throw new Error(
      `extraInfo ${JSON.stringify(extraInfo)}: startOffset, popTime, invisibleTime and reviveQid are whole numbers of at least 0`,
    )
  const [startOffset, popTime, invisibleTime, reviveQueueId] = numbers as [number, number, number, number]
  return { startOffset, popTime, invisibleTime, reviveQueueId, brokerName: fields[5]! }
}

/** '0' for the topic itself, '1' and '2' for its retry topic of version 1 and 2 (ExtraInfoUtil.java#getRetry). */
export function topicType(topic: string): '0' | '1' | '2' {
  if (!topic.startsWith(RETRY_PREFIX)) return '0'
  return topic.includes('+') ? '2' : '1'
}

export interface HandleParts {
  readonly startOffset: number
  readonly popTime: number
  readonly invisibleTime: number
  readonly reviveQueueId: number
  /** The topic that was read, maybe a retry topic. */
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
  readonly queueOffset: number
}

export const printHandle = (parts: HandleParts): string =>
  [
    parts.startOffset,
    parts.popTime,
    parts.invisibleTime,
    parts.reviveQueueId,
    topicType(parts.topic),
    parts.brokerName,
    parts.queueId,
    parts.queueOffset,
  ].join(KEY_SEPARATOR)

const joined = (before: string, entry: string) => (before === '' ? entry : `${before};${entry}`)

/** `startOffsetInfo`: where in each queue the pop began. */
export const addStartOffset = (before: string, topic: string, queueId: number, startOffset: number): string =>
  joined(before, `${topicType(topic)} ${queueId} ${startOffset}`)

/** `msgOffsetInfo`: the offsets of what was taken from each queue. */
export const addMessageOffsets = (before: string, topic: string, queueId: number, offsets: readonly number[]): string =>
  joined(before, `${topicType(topic)} ${queueId} ${offsets.join(',')}`)

/** `orderCountInfo`, new form: how often one message was consumed before. */
export const addOffsetOrderCount = (before: string, topic: string, queueId: number, offset: number, count: number) =>
  joined(before, `${topicType(topic)} qo${queueId}%${offset} ${count}`)

/** `orderCountInfo`, form of older clients: one number for the queue. */
export const addQueueOrderCount = (before: string, topic: string, queueId: number, count: number): string =>
  joined(before, `${topicType(topic)} ${queueId} ${count}`)
