import {
  type DecodedMessage,
  encodeHost,
  encodeProperties,
  encodeRecord,
  property,
  recordSize,
  TRANS_CHECK_MAX_TIME_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
  withTransactionType,
} from '@rocketcluster/protocol'
import { copyOf, type OutgoingMessage, ownMessage, withProperties } from '../outgoing-message.ts'

/** The group under which a broker keeps how far it has come in its half messages (MixAll.java CID_SYS_RMQ_TRANS). */
export const TRANSACTION_GROUP = 'CID_RMQ_SYS_TRANS'
/** All half messages lie in one queue, so do the op messages (TransactionalMessageBridge.java#parseHalfMessageInner). */
export const HALF_QUEUE_ID = 0
/** Tag of an op message whose body names half messages that are decided (TransactionalMessageUtil.java REMOVE_TAG). */
export const OP_TAG = 'd'
const SEPARATOR = ','

/** A producer's message as it waits for its transaction (TransactionalMessageBridge.java#parseHalfMessageInner). */
export function halfMessage(message: OutgoingMessage): OutgoingMessage {
  const properties = new Map(message.properties)
  const uniqKey = properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
  if (uniqKey) properties.set(property.TRANSACTION_ID, uniqKey)
  properties.set(property.REAL_TOPIC, message.topic)
  properties.set(property.REAL_QUEUE_ID, String(message.queueId))
  // These two are the broker's own: what a producer claims here would confuse one transaction with another.
  properties.delete(property.TRANSACTION_PREPARED_QUEUE_OFFSET)
  properties.delete(property.TRANSACTION_CHECK_TIMES)
  return {
    ...message,
    topic: TRANS_HALF_TOPIC,
    queueId: HALF_QUEUE_ID,
    // A PREPARED record gets no place in any queue, and this one needs its place in the half queue.
    sysFlag: withTransactionType(message.sysFlag, 'NONE'),
    properties,
  }
}

/** The message that consumers get (EndTransactionProcessor.java#endMessageTransaction). */
export function committedMessage(half: DecodedMessage): OutgoingMessage {
  return withProperties(
    copyOf(half, {
      topic: realTopicOf(half),
      queueId: Number(half.properties.get(property.REAL_QUEUE_ID)),
      sysFlag: withTransactionType(half.sysFlag, 'COMMIT'),
      preparedTransactionOffset: half.physicalOffset,
    }),
    {
      [property.REAL_TOPIC]: undefined,
      [property.REAL_QUEUE_ID]: undefined,
      [property.TRANSACTION_PREPARED]: undefined,
      [property.TRANSACTION_PREPARED_QUEUE_OFFSET]: undefined,
    },
  )
}

/** The half message once more, at the end of the half queue (TransactionalMessageServiceImpl.java#putBackHalfMsgQueue). */
export function putBack(half: DecodedMessage, checkTimes: number): OutgoingMessage {
  return withProperties(copyOf(half), {
    [property.TRANSACTION_CHECK_TIMES]: checkTimes > 0 ? String(checkTimes) : undefined,
    // Apache keeps it for messages within their immunity only; here it tells a late answer to any copy which one counts.
    [property.TRANSACTION_PREPARED_QUEUE_OFFSET]: String(firstOffsetOf(half)),
  })
}

/** A half message that is not asked about any more (DefaultTransactionalMessageCheckListener.java). */
export function setAsideMessage(half: DecodedMessage): OutgoingMessage {
  return withProperties(copyOf(half, { topic: TRANS_CHECK_MAX_TIME_TOPIC, queueId: 0 }), {
    [property.TRANSACTION_PREPARED_QUEUE_OFFSET]: undefined,
  })
}

/** A half message that was set aside, to be asked about again (AdminBrokerProcessor.java#resumeCheckHalfMessage). */
export function resumedMessage(aside: DecodedMessage): OutgoingMessage {
  return withProperties(copyOf(aside, { topic: TRANS_HALF_TOPIC, queueId: HALF_QUEUE_ID }), {
    [property.TRANSACTION_CHECK_TIMES]: '0',
    [property.TRANSACTION_PREPARED_QUEUE_OFFSET]: undefined,
  })
}

/** What a producer is shown when it is asked: the half message under its real topic and queue. */
export function encodeForCheck(half: DecodedMessage): Buffer {
  const message = {
    topic: Buffer.from(realTopicOf(half)),
    queueId: Number(half.properties.get(property.REAL_QUEUE_ID)),
    flag: half.flag,
    sysFlag: half.sysFlag,
    bornTimestamp: half.bornTimestamp,
    bornHost: encodeHost(half.bornHost.address, half.bornHost.port),
    storeHost: encodeHost(half.storeHost.address, half.storeHost.port),
    reconsumeTimes: half.reconsumeTimes,
    preparedTransactionOffset: half.preparedTransactionOffset,
    body: half.storedBody,
    properties: encodeProperties(half.properties),
  }
  const bytes = Buffer.allocUnsafe(recordSize(message))
  encodeRecord(bytes, 0, message, half.queueOffset, half.physicalOffset, half.storeTimestamp)
  return bytes
}

/** Says of the half messages at these queue offsets that they are decided. */
export function opMessage(storeHost: Uint8Array, nowMs: number, body: string): OutgoingMessage {
  return ownMessage(storeHost, nowMs, {
    topic: TRANS_OP_HALF_TOPIC,
    queueId: HALF_QUEUE_ID,
    body: Buffer.from(body),
    properties: new Map([[property.TAGS, OP_TAG]]),
  })
}

export const opEntry = (queueOffset: number) => `${queueOffset}${SEPARATOR}`

/** The half messages that an op message speaks of; what is no number there is passed over, as Apache does. */
export function decidedIn(op: DecodedMessage): number[] {
  if (op.tags !== OP_TAG) return []
  return op.storedBody
    .toString()
    .split(SEPARATOR)
    .filter(text => /^\d+$/.test(text))
    .map(Number)
    .filter(Number.isSafeInteger)
}

export const realTopicOf = (half: DecodedMessage) => half.properties.get(property.REAL_TOPIC) ?? ''

export const producerGroupOf = (half: DecodedMessage) => half.properties.get(property.PRODUCER_GROUP) ?? ''

/** Whether the broker can do anything with it: it says where it belongs. */
export const isHalfMessage = (message: DecodedMessage) =>
  realTopicOf(message) !== '' && /^\d+$/.test(message.properties.get(property.REAL_QUEUE_ID) ?? '')

/** How often producers were asked about it. */
export function checkTimesOf(half: DecodedMessage): number {
  const times = Number(half.properties.get(property.TRANSACTION_CHECK_TIMES))
  return Number.isSafeInteger(times) && times > 0 ? times : 0
}

/** Where the transaction's first half message lay: the same for all its copies. */
export function firstOffsetOf(half: DecodedMessage): number {
  const text = half.properties.get(property.TRANSACTION_PREPARED_QUEUE_OFFSET)
  return text !== undefined && /^\d+$/.test(text) && Number(text) < half.queueOffset ? Number(text) : half.queueOffset
}
