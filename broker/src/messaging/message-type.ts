import { ResponseError } from '@rocketcluster/protocol'
import type { NamedTopic } from '../metadata/system-topics.ts'
import type { PropertyTraits } from './stored-properties.ts'

/** What a message is by its properties (TopicMessageType.java). */
export type MessageType = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION'

/** In this order: a half message with a delay is a transaction, a delayed one with a sharding key is a delay. */
export function messageTypeOf(traits: PropertyTraits): MessageType {
  if (traits.transactionPrepared) return 'TRANSACTION'
  if (traits.delay !== undefined) return 'DELAY'
  return traits.ordered ? 'FIFO' : 'NORMAL'
}

/**
 * Throws MESSAGE_ILLEGAL when a topic's attribute message.type names another type. Topics without it, MIXED and UNSPECIFIED
 * ones take everything. The words are those of Apache's proxy, the only one to check there (DefaultTopicMessageTypeValidator.java).
 */
export function checkMessageType(topic: NamedTopic, traits: PropertyTraits): void {
  const expected = topic.attributes.get('message.type')
  if (expected === undefined || expected === 'MIXED' || expected === 'UNSPECIFIED') return
  const actual = messageTypeOf(traits)
  if (actual !== expected)
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `TopicMessageType validate failed, the expected type is ${expected}, but actual type is ${actual}: topic ${topic.topicName}`,
    )
}
