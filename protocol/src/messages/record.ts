import { crc32 } from 'node:zlib'
import { MalformedError } from '../errors.ts'
import { getInt, getLong, getShort, putBytes, putInt, putLong, putShort } from './bytes.ts'
import { HOST_V4_SIZE, HOST_V6_SIZE, type HostBytes } from './host.ts'
import { MAX_PROPERTIES_LENGTH } from './properties.ts'
import { sysFlag } from './sys-flag.ts'

/*
 * One message in the commitLog, and one item of a PULL answer (MessageDecoder.java, MessageExtEncoder.java):
 *
 *   0 totalSize        4 magic           8 bodyCRC        12 queueId       16 flag
 *  20 queueOffset  8  28 physicalOffset 8  36 sysFlag     40 bornTimestamp 8
 *  48 bornHost 8|20      storeTimestamp 8   storeHost 8|20   reconsumeTimes 4   preparedTransactionOffset 8
 *     bodyLength 4 body   topicLength 1|2 topic   propertiesLength 2 properties
 *
 * Up to bornHost everything lies at a fixed place; behind it sysFlag says how long the two hosts are.
 */

/** Magic of a record whose topic length takes one byte. */
export const MESSAGE_MAGIC_V1 = -626843481
/** Magic of a record whose topic length takes two bytes: topics beyond 127 bytes, which only retry topics may have. */
export const MESSAGE_MAGIC_V2 = -626843477
/** Magic of the filler at the end of a commitLog file (CommitLog.java). */
export const BLANK_MAGIC = -875286124
/** Bytes of the filler that are written; a record never takes a file's last eight bytes. */
export const BLANK_SIZE = 8

/** Byte offsets from a record's start. storeTimestamp is at 56 with an IPv4 bornHost, else at 68. */
export const recordOffsets = {
  totalSize: 0,
  magic: 4,
  bodyCrc: 8,
  queueId: 12,
  flag: 16,
  queueOffset: 20,
  physicalOffset: 28,
  sysFlag: 36,
  bornTimestamp: 40,
  bornHost: 48,
} as const

/** All lengths that are not of the message's own making, with a one-byte topic length and IPv4 hosts. */
const FIXED_SIZE = 91
/** The shortest record there can be: no body, no properties, a topic of no length. */
export const MIN_RECORD_SIZE = FIXED_SIZE

const TOPIC_LENGTH_OF_V1 = 127
/** TopicValidator.java: a retry topic may have 255. The two-byte form could hold more, nobody may write it. */
const MAX_TOPIC_BYTES = 32767

/** A message as the store appends it. Fields hold bytes, made once per connection, topic or request, not per message. */
export interface RecordMessage {
  /** UTF-8. */
  topic: Uint8Array
  queueId: number
  /** The producer's own flag. */
  flag: number
  /** Its BORNHOST_V6 and STOREHOST_V6 bits are ignored: the lengths of the hosts decide and are written. */
  sysFlag: number
  bornTimestamp: number
  bornHost: HostBytes
  storeHost: HostBytes
  reconsumeTimes: number
  preparedTransactionOffset: number
  body: Uint8Array
  /** Encoded, see properties.ts; with or without the last separator. */
  properties: Uint8Array
  /**
   * Further encoded properties written behind `properties`: the constant ones that a broker adds to each message
   * (CLUSTER, MSG_REGION, TRACE_ON) are encoded once and never joined.
   */
  extraProperties?: Uint8Array
}

const PAIR_END = 2

function needsSeparator(properties: Uint8Array, extra: Uint8Array | undefined): boolean {
  return (
    extra !== undefined && extra.length > 0 && properties.length > 0 && properties[properties.length - 1] !== PAIR_END
  )
}

/** Bytes that all properties of the message take in the record; more than MAX_PROPERTIES_LENGTH cannot be written. */
export function recordPropertiesLength(message: RecordMessage): number {
  const { properties, extraProperties: extra } = message
  if (extra === undefined) return properties.length
  return properties.length + extra.length + (needsSeparator(properties, extra) ? 1 : 0)
}

/** Bytes that `encodeRecord` will write. */
export function recordSize(message: RecordMessage): number {
  const topicLength = message.topic.length
  return (
    FIXED_SIZE -
    2 * HOST_V4_SIZE +
    message.bornHost.length +
    message.storeHost.length +
    message.body.length +
    topicLength +
    (topicLength > TOPIC_LENGTH_OF_V1 ? 1 : 0) +
    recordPropertiesLength(message)
  )
}

/** CRC of a stored body (UtilAll.java#crc32): the sign bit is dropped. */
export function bodyCrc(body: Uint8Array): number {
  return crc32(body) & 0x7fffffff
}

/**
 * Writes one record at `at` and returns its size. Allocates nothing.
 * Throws RangeError, with nothing written, when it does not fit into the buffer or a length does not fit into its field.
 */
export function encodeRecord(
  into: Uint8Array,
  at: number,
  message: RecordMessage,
  queueOffset: number,
  physicalOffset: number,
  storeTimestamp: number,
): number {
  const { topic, body, bornHost, storeHost, properties, extraProperties } = message
  const size = recordSize(message)
  const propertiesLength = recordPropertiesLength(message)
  const topicLength = topic.length
  if (at + size > into.length) throw new RangeError(`a record of ${size} bytes does not fit at ${at} of ${into.length}`)
  if (propertiesLength > MAX_PROPERTIES_LENGTH)
    throw new RangeError(`properties of ${propertiesLength} bytes exceed ${MAX_PROPERTIES_LENGTH}`)
  if (topicLength > MAX_TOPIC_BYTES) throw new RangeError(`topic of ${topicLength} bytes exceeds ${MAX_TOPIC_BYTES}`)
  const hostFlags =
    (bornHost.length === HOST_V6_SIZE ? sysFlag.BORNHOST_V6 : 0) |
    (storeHost.length === HOST_V6_SIZE ? sysFlag.STOREHOST_V6 : 0)

  putInt(into, at, size)
  putInt(into, at + 4, topicLength > TOPIC_LENGTH_OF_V1 ? MESSAGE_MAGIC_V2 : MESSAGE_MAGIC_V1)
  putInt(into, at + 8, bodyCrc(body))
  putInt(into, at + 12, message.queueId)
  putInt(into, at + 16, message.flag)
  putLong(into, at + 20, queueOffset)
  putLong(into, at + 28, physicalOffset)
  putInt(into, at + 36, (message.sysFlag & ~(sysFlag.BORNHOST_V6 | sysFlag.STOREHOST_V6)) | hostFlags)
  putLong(into, at + 40, message.bornTimestamp)
  let next = at + 48
  putBytes(into, next, bornHost)
  next += bornHost.length
  putLong(into, next, storeTimestamp)
  next += 8
  putBytes(into, next, storeHost)
  next += storeHost.length
  putInt(into, next, message.reconsumeTimes)
  putLong(into, next + 4, message.preparedTransactionOffset)
  putInt(into, next + 12, body.length)
  next += 16
  putBytes(into, next, body)
  next += body.length
  if (topicLength > TOPIC_LENGTH_OF_V1) {
    putShort(into, next, topicLength)
    next += 2
  } else into[next++] = topicLength
  putBytes(into, next, topic)
  next += topicLength
  putShort(into, next, propertiesLength)
  next += 2
  putBytes(into, next, properties)
  next += properties.length
  if (extraProperties !== undefined && extraProperties.length > 0) {
    if (needsSeparator(properties, extraProperties)) into[next++] = PAIR_END
    putBytes(into, next, extraProperties)
  }
  return size
}

/** Writes the filler of a file's end: it says how many bytes are left in the file, these eight included. */
export function encodeBlank(into: Uint8Array, at: number, remaining: number): void {
  if (remaining < BLANK_SIZE || at + BLANK_SIZE > into.length)
    throw new RangeError(`a blank of ${remaining} bytes does not fit at ${at} of ${into.length}`)
  putInt(into, at, remaining)
  putInt(into, at + 4, BLANK_MAGIC)
}

/** A record that is whole. Positions are absolute in the buffer that was checked. */
export interface CheckedRecord {
  readonly kind: 'record'
  readonly size: number
  readonly queueId: number
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly sysFlag: number
  readonly storeTimestamp: number
  readonly bodyAt: number
  readonly bodyLength: number
  readonly topicAt: number
  readonly topicLength: number
  readonly propertiesAt: number
  readonly propertiesLength: number
}

export type RecordCheck =
  | CheckedRecord
  /** The end of a commitLog file: the next record is in the next file, `size` bytes on. */
  | { readonly kind: 'blank'; readonly size: number }
  | {
      readonly kind: 'bad'
      readonly why: string
      /** Set when all that is wrong is that the buffer ends too early: so many bytes from `at` on would show it whole. */
      readonly needs?: number
    }

const bad = (why: string, needs?: number): RecordCheck => ({ kind: 'bad', why, needs })

/**
 * Looks at what lies at `at`, trusting nothing: lengths must agree with each other and with `end`, and the body with its CRC
 * (unless `checkCrc` is false). Never throws. As CommitLog.java#checkMessageAndReturnSize.
 */
export function checkRecord(buffer: Buffer, at: number, end = buffer.length, checkCrc = true): RecordCheck {
  if (end > buffer.length) end = buffer.length
  if (at + BLANK_SIZE > end) return bad(`${Math.max(0, end - at)} bytes are no record`, BLANK_SIZE)
  const size = getInt(buffer, at)
  const magic = getInt(buffer, at + 4)
  if (magic === BLANK_MAGIC) {
    return size >= BLANK_SIZE ? { kind: 'blank', size } : bad(`a blank of ${size} bytes`)
  }
  if (magic !== MESSAGE_MAGIC_V1 && magic !== MESSAGE_MAGIC_V2)
    return bad(`magic 0x${(magic >>> 0).toString(16)} is none of a record`)
  if (size < MIN_RECORD_SIZE) return bad(`totalSize ${size} is less than the least of ${MIN_RECORD_SIZE}`)
  const recordEnd = at + size
  if (recordEnd > end) return bad(`a record of ${size} bytes ends beyond the ${end - at} that are there`, size)

  const flags = getInt(buffer, at + 36)
  const storeTimestampAt = at + 48 + ((flags & sysFlag.BORNHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE)
  const storeHostSize = (flags & sysFlag.STOREHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE
  const bodyAt = storeTimestampAt + 8 + storeHostSize + 16
  // Each step checks that what it reads next lies within the record, so a lying length is met before it is used.
  const topicPrefix = magic === MESSAGE_MAGIC_V2 ? 2 : 1
  if (bodyAt + topicPrefix + 2 > recordEnd) return bad(`totalSize ${size} leaves no room for a topic`)
  const bodyLength = getInt(buffer, bodyAt - 4)
  if (bodyLength < 0 || bodyLength > recordEnd - bodyAt - topicPrefix - 2)
    return bad(`body length ${bodyLength} does not fit into a record of ${size} bytes`)
  const topicLengthAt = bodyAt + bodyLength
  const topicLength = topicPrefix === 2 ? getShort(buffer, topicLengthAt) : (buffer[topicLengthAt]! << 24) >> 24
  const topicAt = topicLengthAt + topicPrefix
  if (topicLength < 0 || topicLength > recordEnd - topicAt - 2)
    return bad(`topic length ${topicLength} does not fit into a record of ${size} bytes`)
  const propertiesAt = topicAt + topicLength + 2
  const propertiesLength = getShort(buffer, propertiesAt - 2)
  if (propertiesLength !== recordEnd - propertiesAt)
    return bad(`properties length ${propertiesLength} does not agree with totalSize ${size}`)
  if (checkCrc) {
    const wanted = getInt(buffer, at + 8)
    const found = bodyCrc(buffer.subarray(bodyAt, topicLengthAt))
    if (wanted !== found) return bad(`body CRC ${found} is not ${wanted} as stored`)
  }
  return {
    kind: 'record',
    size,
    queueId: getInt(buffer, at + 12),
    queueOffset: getLong(buffer, at + 20),
    physicalOffset: getLong(buffer, at + 28),
    sysFlag: flags,
    storeTimestamp: getLong(buffer, storeTimestampAt),
    bodyAt,
    bodyLength,
    topicAt,
    topicLength,
    propertiesAt,
    propertiesLength,
  }
}

// Cheap looks at a record that is known to be sound. The caller has checked it, or wrote it.

export const recordTotalSize = (buffer: Uint8Array, at: number): number => getInt(buffer, at)
export const recordMagic = (buffer: Uint8Array, at: number): number => getInt(buffer, at + 4)
export const recordBodyCrc = (buffer: Uint8Array, at: number): number => getInt(buffer, at + 8)
export const recordQueueId = (buffer: Uint8Array, at: number): number => getInt(buffer, at + 12)
export const recordFlag = (buffer: Uint8Array, at: number): number => getInt(buffer, at + 16)
export const recordQueueOffset = (buffer: Uint8Array, at: number): number => getLong(buffer, at + 20)
export const recordPhysicalOffset = (buffer: Uint8Array, at: number): number => getLong(buffer, at + 28)
export const recordSysFlag = (buffer: Uint8Array, at: number): number => getInt(buffer, at + 36)
export const recordBornTimestamp = (buffer: Uint8Array, at: number): number => getLong(buffer, at + 40)

/** Where the storeTimestamp lies: depends on the kind of bornHost. */
export function storeTimestampAt(buffer: Uint8Array, at: number): number {
  return at + 48 + ((getInt(buffer, at + 36) & sysFlag.BORNHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE)
}

export function recordStoreTimestamp(buffer: Uint8Array, at: number): number {
  return getLong(buffer, storeTimestampAt(buffer, at))
}

/** Where reconsumeTimes lies; preparedTransactionOffset is 4 behind it, bodyLength 12, the body 16. */
function reconsumeTimesAt(buffer: Uint8Array, at: number): number {
  const storeHostSize = (getInt(buffer, at + 36) & sysFlag.STOREHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE
  return storeTimestampAt(buffer, at) + 8 + storeHostSize
}

export function recordReconsumeTimes(buffer: Uint8Array, at: number): number {
  return getInt(buffer, reconsumeTimesAt(buffer, at))
}

export function recordPreparedTransactionOffset(buffer: Uint8Array, at: number): number {
  return getLong(buffer, reconsumeTimesAt(buffer, at) + 4)
}

export function recordBodyAt(buffer: Uint8Array, at: number): number {
  return reconsumeTimesAt(buffer, at) + 16
}

/** The stored body, maybe compressed: a view, not a copy. */
export function recordBody(buffer: Buffer, at: number): Buffer {
  const bodyAt = recordBodyAt(buffer, at)
  return buffer.subarray(bodyAt, bodyAt + getInt(buffer, bodyAt - 4))
}

/** Where the topic's first byte lies. */
export function recordTopicAt(buffer: Uint8Array, at: number): number {
  const bodyAt = recordBodyAt(buffer, at)
  return bodyAt + getInt(buffer, bodyAt - 4) + (getInt(buffer, at + 4) === MESSAGE_MAGIC_V2 ? 2 : 1)
}

export function recordTopicLength(buffer: Uint8Array, at: number): number {
  const topicAt = recordTopicAt(buffer, at)
  return getInt(buffer, at + 4) === MESSAGE_MAGIC_V2 ? getShort(buffer, topicAt - 2) : buffer[topicAt - 1]!
}

export function recordTopic(buffer: Buffer, at: number): string {
  const topicAt = recordTopicAt(buffer, at)
  return buffer.toString('utf8', topicAt, topicAt + recordTopicLength(buffer, at))
}

/** Where the properties begin; they end with the record, at `at + recordTotalSize`. */
export function recordPropertiesAt(buffer: Uint8Array, at: number): number {
  return recordTopicAt(buffer, at) + recordTopicLength(buffer, at) + 2
}

/** The encoded properties: a view, not a copy. */
export function recordProperties(buffer: Buffer, at: number): Buffer {
  return buffer.subarray(recordPropertiesAt(buffer, at), at + getInt(buffer, at))
}

/** Gives a record that was encoded before its place was known the three values that the append decides. */
export function placeRecord(
  buffer: Uint8Array,
  at: number,
  queueOffset: number,
  physicalOffset: number,
  storeTimestamp: number,
): void {
  putLong(buffer, at + 20, queueOffset)
  putLong(buffer, at + 28, physicalOffset)
  putLong(buffer, storeTimestampAt(buffer, at), storeTimestamp)
}

/** Where each record of a PULL body begins. Throws MalformedError unless the body is whole records from end to end. */
export function recordStarts(body: Buffer): number[] {
  const starts: number[] = []
  let at = 0
  while (at < body.length) {
    const check = checkRecord(body, at, body.length, false)
    if (check.kind !== 'record')
      throw new MalformedError(`record ${starts.length} at byte ${at}: ${check.kind === 'bad' ? check.why : 'a blank'}`)
    starts.push(at)
    at += check.size
  }
  return starts
}
