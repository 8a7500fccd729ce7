import {
  type DecodedMessage,
  decodeRecord,
  notAllowedSendTopics,
  property,
  ResponseError,
  retryTopic,
  SYSTEM_TOPIC_PREFIX,
} from '@rocketcluster/protocol'
import type { BrokerContext, Handler } from '../../handler.ts'
import { type NamedTopic, PERM_WRITE } from '../../metadata/system-topics.ts'
import { copyOf, type OutgoingMessage, withProperties } from '../outgoing-message.ts'
import { groupNotExist, maxReconsumeTimes } from './dead-letters.ts'

/** Level of the first try again: 10 s with the default levels. */
const FIRST_LEVEL = 3

/**
 * CONSUMER_SEND_MSG_BACK: a consumer group has failed on a message and is to get it again later, or, when it has failed
 * often enough or says so with a negative level, never more: then it goes to the dead letters
 * (AbstractSendMessageProcessor.java#consumerSendMsgBack; its checks in its order). What is stored is a copy: the same
 * body, keys and birth, with the first topic and id in RETRY_TOPIC and ORIGIN_MESSAGE_ID.
 *
 * Answered when the copy is as durable as the configuration promises: the consumer commits its offset then. Apache does
 * not wait for the disk here.
 */
export const consumerSendMsgBack: Handler<'consumerSendMsgBack'> = async (header, context) => {
  const { groups, config, topics, deadLetters, version, world } = context
  const { group: groupName, offset } = header
  const group = await groups.find(groupName)
  if (!group) throw groupNotExist(groupName)
  if ((config.brokerPermission & PERM_WRITE) === 0)
    throw new ResponseError('NO_PERMISSION', `the broker[${config.brokerIP1}] sending message is forbidden`)
  // The group wants nothing again.
  if (group.retryQueueNums <= 0) return {}
  const retry = await topics.createInternal(retryTopic(groupName), group.retryQueueNums)
  if ((retry.perm & PERM_WRITE) === 0)
    throw new ResponseError('NO_PERMISSION', `the topic[${retry.topicName}] sending message is forbidden`)
  const message = await messageAt(offset, context)

  const { reconsumeTimes } = message
  const most = maxReconsumeTimes(group, header.maxReconsumeTimes, version)
  const dead = reconsumeTimes >= most || header.delayLevel < 0
  let topic: NamedTopic = retry
  let queueId = world.random.int(group.retryQueueNums)
  let level = header.delayLevel === 0 ? FIRST_LEVEL + reconsumeTimes : header.delayLevel
  if (dead) {
    deadLetters.count(groupName, header.originTopic ?? '')
    topic = await deadLetters.topicOf(groupName)
    queueId = 0
    level = 0
  }
  const copy = withProperties(
    copyOf(message, { topic: topic.topicName, queueId, reconsumeTimes: reconsumeTimes + 1 }),
    {
      [property.RETRY_TOPIC]: message.property(property.RETRY_TOPIC) ?? message.topic,
      [property.ORIGIN_MESSAGE_ID]: message.property(property.ORIGIN_MESSAGE_ID)?.trim() || message.offsetMsgId,
      [property.DELAY_TIME_LEVEL]: String(level),
      [property.WAIT_STORE_MSG_OK]: 'false',
    },
  )
  await store(copy, context)
  return {}
}

/** Whatever the store says, the answer's code is SYSTEM_ERROR: the client then sends the message as a new one. */
async function store(copy: OutgoingMessage, { puts }: BrokerContext<'consumerSendMsgBack'>): Promise<void> {
  let problem: string
  try {
    const { status } = await puts.put(copy)
    if (status === 'PUT_OK') return
    problem = status
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    problem = `${error.status}: ${error.message}`
  }
  throw new ResponseError('SYSTEM_ERROR', problem)
}

/**
 * Throws SYSTEM_ERROR for an offset at which no message begins, or no more. Also for what no consumer can have been given,
 * where Apache makes a copy: that of a half message would show it before its transaction is decided.
 */
async function messageAt(offset: number, { store }: BrokerContext<'consumerSendMsgBack'>): Promise<DecodedMessage> {
  const record = await store.readRecord(offset)
  if (!record)
    throw new ResponseError(
      'SYSTEM_ERROR',
      `look message by offset failed, ${offset}; the log goes from ${store.minPhysicalOffset} to ${store.maxPhysicalOffset}`,
    )
  const message = decodeRecord(record)
  if (notAllowedSendTopics.has(message.topic) || message.topic.startsWith(SYSTEM_TOPIC_PREFIX))
    throw new ResponseError(
      'SYSTEM_ERROR',
      `look message by offset failed, ${offset}: topic ${message.topic} is not for consumers`,
    )
  return message
}
