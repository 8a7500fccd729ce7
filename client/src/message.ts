import { Buffer } from 'node:buffer'
import {
  COMPRESS_OVER_BYTES,
  type CompressionType,
  compress,
  DEFAULT_COMPRESSION_LEVEL,
  FieldError,
  notAllowedSendTopics,
  printProperties,
  property,
  validateTopic,
  withCompression,
} from '@rocketcluster/protocol'

/** A message to be sent. */
export interface Message {
  readonly topic: string
  /** Text is sent as UTF-8. */
  readonly body: Uint8Array | string
  readonly tags?: string
  /** By which the message can be found again; one or several, without blanks. */
  readonly keys?: string | readonly string[]
  /** Anything else; RocketMQ's own names are in `property`. Values may not be empty. */
  readonly properties?: Readonly<Record<string, string>>
  /** The application's own number. */
  readonly flag?: number
  /** 1 to 18: 1s 5s 10s 30s 1m 2m … 2h (messageDelayLevel). */
  readonly delayTimeLevel?: number
  /** When it is to be delivered, in ms since 1970; at most three days from now (timerMaxDelaySec). */
  readonly deliverTimeMs?: number
}

export interface EncodeOptions {
  readonly maxMessageSize: number
  readonly compressOverBytes: number
  readonly compressionType: CompressionType
  readonly compressionLevel: number
}

export const defaultEncodeOptions: EncodeOptions = {
  /** DefaultMQProducer.java#maxMessageSize */
  maxMessageSize: 4 * 1024 * 1024,
  compressOverBytes: COMPRESS_OVER_BYTES,
  compressionType: 'ZLIB',
  compressionLevel: DEFAULT_COMPRESSION_LEVEL,
}

/** Throws FieldError naming what is wrong (Validators.java#checkMessage). */
export function checkMessage({ topic, body, delayTimeLevel }: Message, maxMessageSize: number): Uint8Array {
  validateTopic(topic)
  if (notAllowedSendTopics.has(topic))
    throw new FieldError('topic', `${topic} is one of RocketMQ's own and cannot be sent to`)
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body
  if (!(bytes instanceof Uint8Array)) throw new FieldError('body', 'is neither bytes nor text')
  if (bytes.length === 0) throw new FieldError('body', 'is empty')
  if (bytes.length > maxMessageSize)
    throw new FieldError('body', `of ${bytes.length} bytes exceeds maxMessageSize ${maxMessageSize}`)
  if (delayTimeLevel !== undefined && !(Number.isInteger(delayTimeLevel) && delayTimeLevel >= 0))
    throw new FieldError('delayTimeLevel', `${delayTimeLevel} is not 0 or a level from 1`)
  return bytes
}

/** The properties that go with a message; `uniqKey` is used unless it has one already. */
export function messageProperties(message: Message, uniqKey: string): Record<string, string> {
  const { tags, keys, properties, delayTimeLevel, deliverTimeMs } = message
  const all: Record<string, string> = { ...properties }
  if (tags !== undefined) all[property.TAGS] = tags
  if (keys !== undefined) all[property.KEYS] = typeof keys === 'string' ? keys : keys.join(' ')
  if (delayTimeLevel) all[property.DELAY_TIME_LEVEL] = String(delayTimeLevel)
  if (deliverTimeMs !== undefined) all[property.TIMER_DELIVER_MS] = String(deliverTimeMs)
  all[property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX] ??= uniqKey
  return all
}

export function encodeMessageProperties(properties: Record<string, string>): string {
  try {
    return printProperties(properties)
  } catch (error) {
    throw new FieldError('properties', (error as Error).message)
  }
}

/** The body as it travels: long ones are compressed when that makes them shorter. */
export function encodeBody(body: Uint8Array, options: EncodeOptions): { body: Uint8Array; sysFlag: number } {
  const { compressOverBytes, compressionType, compressionLevel } = options
  if (body.length <= compressOverBytes) return { body, sysFlag: 0 }
  const compressed = compress(compressionType, body, compressionLevel)
  return compressed.length < body.length
    ? { body: compressed, sysFlag: withCompression(0, compressionType) }
    : { body, sysFlag: 0 }
}
