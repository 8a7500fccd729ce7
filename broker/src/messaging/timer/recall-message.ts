import { property, ResponseError } from '@rocketcluster/protocol'
import { bornHostOf } from '../../clients/born-host.ts'
import type { Handler } from '../../handler.ts'
import { PERM_WRITE } from '../../metadata/system-topics.ts'
import { ownMessage } from '../outgoing-message.ts'
import { decodeRecallHandle } from './recall-handle.ts'
import { recallKey } from './timed-message.ts'

/** RecallMessageProcessor.java */
const RECALL_TAG = '_RECALL_TAG_'
const BODY = Buffer.from('0')

/**
 * RECALL_MESSAGE: takes back a message that waits for its time, by the handle that its SEND answer carried. Stored as a message
 * for the same slot that names the other one; whether that one was there is known only when their time comes
 * (RecallMessageProcessor.java).
 */
export const recallMessage: Handler<'recallMessage'> = async (header, { config, topics, puts, world, connection }) => {
  if (!config.recallMessageEnable)
    throw new ResponseError('NO_PERMISSION', 'recall failed, operation is forbidden: recallMessageEnable is false')
  if (config.brokerRole === 'SLAVE')
    throw new ResponseError('SLAVE_NOT_AVAILABLE', 'recall failed, broker service not available: brokerRole is SLAVE')
  const nowMs = world.clock.now()
  if (nowMs < config.startAcceptSendRequestTimeStamp)
    throw unavailable(`until ${new Date(config.startAcceptSendRequestTimeStamp).toISOString()}`)
  if ((config.brokerPermission & PERM_WRITE) === 0 && !config.allowRecallWhenBrokerNotWriteable)
    throw unavailable(`brokerPermission is ${config.brokerPermission}`)
  if (topics.get(header.topic) === undefined)
    throw new ResponseError('TOPIC_NOT_EXIST', `recall failed, the topic[${header.topic}] not exist`)
  const handle = decodeRecallHandle(header.recallHandle)
  if (handle === undefined) throw illegal(`recall handle is invalid: ${header.recallHandle.slice(0, 200)}`)
  if (handle.topic !== header.topic)
    throw illegal(`recall failed, topic not match: the handle is for ${handle.topic}, the request for ${header.topic}`)
  if (handle.brokerName !== config.brokerName)
    throw illegal(
      `recall failed, broker service not available: the handle is for ${handle.brokerName}, this is ${config.brokerName}`,
    )
  const deliverMs = /^\d{1,15}$/.test(handle.timestamp) ? Number(handle.timestamp) : -1
  const leftMs = deliverMs - nowMs
  if (leftMs <= 0 || leftMs >= config.timerMaxDelaySec * 1000)
    throw illegal(
      `recall failed, timestamp invalid: the message is due at ${handle.timestamp}; allowed is from now to ${config.timerMaxDelaySec} s (timerMaxDelaySec) from now`,
    )
  // As in Apache a sync that takes its time is no failure: the recall is stored.
  await puts.put(
    ownMessage(bornHostOf(connection), nowMs, {
      topic: handle.topic,
      queueId: 0,
      body: BODY,
      properties: new Map([
        [property.TAGS, RECALL_TAG],
        [
          property.TIMER_DEL_UNIQKEY,
          config.appendTopicForTimerDeleteKey ? recallKey(handle.topic, handle.messageId) : handle.messageId,
        ],
        [property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX, handle.messageId],
        [property.TIMER_DELIVER_MS, handle.timestamp],
        [property.BORN_TIMESTAMP, String(nowMs)],
        ...(header.producerGroup ? ([[property.PRODUCER_GROUP, header.producerGroup]] as const) : []),
      ]),
    }),
  )
  return { msgId: handle.messageId, ext: { MSG_REGION: config.regionId } }
}

const illegal = (remark: string) => new ResponseError('ILLEGAL_OPERATION', remark)

const unavailable = (why: string) =>
  new ResponseError('SERVICE_NOT_AVAILABLE', `recall failed, broker service not available: ${why}`)
