import {
  checkRecord,
  HOST_V4_SIZE,
  HOST_V6_SIZE,
  javaHashUtf8,
  PropertyFinder,
  property,
  sysFlag,
  TRANS_HALF_TOPIC,
} from '@rocketcluster/protocol'
import { getInt, getLong } from '@rocketcluster/protocol/internal'
import { reusableMessage } from '../reusable-message.ts'

const REAL_TOPIC = 0
const REAL_QUEUE_ID = 1
const TAGS = 2
const KEYS = 3
const UNIQ_KEY = 4

const INT_MAX = 2 ** 31 - 1

/** Where fields of a record lie, counted from its start, and from the body backwards (MessageExtEncoder.java). */
const FLAG_AT = 16
const BORN_TIMESTAMP_AT = 40
const BORN_HOST_AT = 48
const RECONSUME_TIMES_BEFORE_BODY = 16
const PREPARED_OFFSET_BEFORE_BODY = 12

/**
 * Makes of a record of SCHEDULE_TOPIC_XXXX the message whose time has come: the same message in its real topic and queue
 * (ScheduleMessageService.java#messageTimeUp). Its properties stay as they are, DELAY, REAL_TOPIC and REAL_QID with them:
 * Apache removes DELAY from its object only, never from what it stores.
 *
 * Reads from the record's bytes, without maps: thousands may be due in one turn. The message is valid until the next call.
 */
export class DeliveredMessage {
  readonly message = reusableMessage()
  /** Of the record read last. */
  queueOffset = 0
  physicalOffset = 0
  readonly #properties = new PropertyFinder(
    property.REAL_TOPIC,
    property.REAL_QUEUE_ID,
    property.TAGS,
    property.KEYS,
    property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX,
  )

  /** Why the record at `at` cannot be delivered to anybody, ever; undefined when `message` is it. */
  read(buffer: Buffer, at: number): string | undefined {
    const record = checkRecord(buffer, at)
    if (record.kind !== 'record') return record.kind === 'bad' ? record.why : 'there is no record'
    this.queueOffset = record.queueOffset
    this.physicalOffset = record.physicalOffset
    const { bodyAt, propertiesAt } = record
    const propertiesEnd = propertiesAt + record.propertiesLength
    const found = this.#properties
    found.scan(buffer, propertiesAt, propertiesEnd)
    const topic = found.text(buffer, REAL_TOPIC)
    if (topic === undefined) return 'property REAL_TOPIC is missing'
    if (topic === TRANS_HALF_TOPIC) return `property REAL_TOPIC: ${topic} takes no delayed messages`
    const queue = found.text(buffer, REAL_QUEUE_ID)
    const queueId = queue !== undefined && /^\d+$/.test(queue) ? Number(queue) : Number.NaN
    if (!(queueId <= INT_MAX)) return `property REAL_QID: ${JSON.stringify(queue)} is not a queue`
    const { message } = this
    const hostSize = (record.sysFlag & sysFlag.BORNHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE
    message.topic = topic
    message.queueId = queueId
    message.flag = getInt(buffer, at + FLAG_AT)
    message.sysFlag = record.sysFlag & ~sysFlag.STOREHOST_V6
    message.bornTimestamp = getLong(buffer, at + BORN_TIMESTAMP_AT)
    message.bornHost = buffer.subarray(at + BORN_HOST_AT, at + BORN_HOST_AT + hostSize)
    message.reconsumeTimes = getInt(buffer, bodyAt - RECONSUME_TIMES_BEFORE_BODY)
    message.preparedTransactionOffset = getLong(buffer, bodyAt - PREPARED_OFFSET_BEFORE_BODY)
    message.body = buffer.subarray(bodyAt, bodyAt + record.bodyLength)
    message.properties = buffer.subarray(propertiesAt, propertiesEnd)
    message.tagsCode = found.has(TAGS) ? javaHashUtf8(buffer, found.starts[TAGS]!, found.ends[TAGS]!) : 0
    message.uniqKey = found.text(buffer, UNIQ_KEY)
    message.keys = found.text(buffer, KEYS)
    return undefined
  }
}
