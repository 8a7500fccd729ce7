import {
  type DecodedMessage,
  decodeProperties,
  encodeHost,
  encodeProperties,
  property,
  sysFlag,
  tagsCode,
} from '@rocketcluster/protocol'
import type { MessageToStore } from '../store/types.ts'

/**
 * A message on its way into the log whose properties the broker looks at or changes: one that is delayed, half, sent
 * back, or written by the broker itself. Ordinary sends never take this shape (`stored-properties.ts`).
 */
export interface OutgoingMessage extends Omit<MessageToStore, 'properties' | 'tagsCode' | 'uniqKey' | 'keys'> {
  readonly properties: ReadonlyMap<string, string>
}

/** The stored message once more, with what `changes` say: buffers are shared with the record that was read. */
export function copyOf(message: DecodedMessage, changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    topic: message.topic,
    queueId: message.queueId,
    flag: message.flag,
    sysFlag: message.sysFlag,
    bornTimestamp: message.bornTimestamp,
    bornHost: encodeHost(message.bornHost.address, message.bornHost.port),
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    body: message.storedBody,
    properties: message.properties,
    ...changes,
  }
}

/** A message of the broker's own. */
export function ownMessage(
  bornHost: Uint8Array,
  bornTimestamp: number,
  fields: Pick<OutgoingMessage, 'topic' | 'queueId' | 'body'> & Partial<OutgoingMessage>,
): OutgoingMessage {
  return {
    flag: 0,
    sysFlag: 0,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: new Map(),
    bornHost,
    bornTimestamp,
    ...fields,
  }
}

/** What the store takes, and from where the tags' hash and the index keys come. */
export function toStore(message: OutgoingMessage): MessageToStore {
  const { properties } = message
  return {
    topic: message.topic,
    queueId: message.queueId,
    flag: message.flag,
    sysFlag:
      message.bornHost.length > 8 ? message.sysFlag | sysFlag.BORNHOST_V6 : message.sysFlag & ~sysFlag.BORNHOST_V6,
    bornTimestamp: message.bornTimestamp,
    bornHost: message.bornHost,
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    body: message.body,
    properties: encodeProperties(properties),
    tagsCode: tagsCode(properties.get(property.TAGS)),
    uniqKey: properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
    keys: properties.get(property.KEYS),
  }
}

/** The message with some properties set, or removed where the value is undefined. */
export function withProperties(
  message: OutgoingMessage,
  changes: Readonly<Record<string, string | undefined>>,
): OutgoingMessage {
  const properties = new Map(message.properties)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) properties.delete(name)
    else properties.set(name, value)
  }
  return { ...message, properties }
}

/** From a send: `properties` in their stored form. The buffers are copied, as a message may wait before it is stored. */
export function outgoing(message: MessageToStore): OutgoingMessage {
  return {
    ...message,
    bornHost: Buffer.from(message.bornHost),
    body: Buffer.from(message.body),
    properties: decodeProperties(Buffer.from(message.properties)),
  }
}
