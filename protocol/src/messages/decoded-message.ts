import { MalformedError } from '../errors.ts'
import { decodeBatch } from './batch.ts'
import { getInt, getLong } from './bytes.ts'
import { DEFAULT_MAX_BODY_BYTES, decompress } from './compression.ts'
import { decodeHost, encodeHost, HOST_V4_SIZE, HOST_V6_SIZE, type Host } from './host.ts'
import { createOffsetMsgId } from './ids.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import { property } from './property-names.ts'
import { checkRecord, recordStarts } from './record.ts'
import { compressionType, sysFlag } from './sys-flag.ts'

/** How to read records that come from a peer. */
export interface DecodeOptions {
  /** Largest body made of a compressed one. */
  readonly maxBodyBytes?: number
  /** Whether the body's CRC is verified; true unless told otherwise. */
  readonly checkCrc?: boolean
}

/** A stored message, read (MessageExt.java). Body and properties are decoded when first asked for. */
export class DecodedMessage {
  readonly topic: string
  readonly queueId: number
  /** The producer's own flag. */
  readonly flag: number
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly bornHost: Host
  readonly storeTimestamp: number
  readonly storeHost: Host
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly bodyCrc: number
  /** Bytes of the record in the log. */
  readonly storeSize: number
  /** The body as stored, maybe compressed: a view into the buffer that was decoded. */
  readonly storedBody: Buffer
  /** Encoded properties: a view into the buffer that was decoded. */
  readonly encodedProperties: Buffer
  readonly #maxBodyBytes: number
  #body: Buffer | undefined
  #properties: Map<string, string> | undefined

  constructor(fields: StoredFields, maxBodyBytes: number = DEFAULT_MAX_BODY_BYTES) {
    this.topic = fields.topic
    this.queueId = fields.queueId
    this.flag = fields.flag
    this.queueOffset = fields.queueOffset
    this.physicalOffset = fields.physicalOffset
    this.sysFlag = fields.sysFlag
    this.bornTimestamp = fields.bornTimestamp
    this.bornHost = fields.bornHost
    this.storeTimestamp = fields.storeTimestamp
    this.storeHost = fields.storeHost
    this.reconsumeTimes = fields.reconsumeTimes
    this.preparedTransactionOffset = fields.preparedTransactionOffset
    this.bodyCrc = fields.bodyCrc
    this.storeSize = fields.storeSize
    this.storedBody = fields.storedBody
    this.encodedProperties = fields.encodedProperties
    this.#maxBodyBytes = maxBodyBytes
  }

  /** The producer's body. Throws MalformedError when it cannot be decompressed within the limit. */
  get body(): Buffer {
    if (this.#body === undefined) {
      if ((this.sysFlag & sysFlag.COMPRESSED) === 0) this.#body = this.storedBody
      else {
        const type = compressionType(this.sysFlag)
        if (type === undefined)
          throw new MalformedError(`sysFlag 0x${this.sysFlag.toString(16)} names a compression that does not exist`)
        this.#body = decompress(type, this.storedBody, this.#maxBodyBytes)
      }
    }
    return this.#body
  }

  get properties(): ReadonlyMap<string, string> {
    this.#properties ??= decodeProperties(this.encodedProperties)
    return this.#properties
  }

  property(name: string): string | undefined {
    return this.properties.get(name)
  }

  get tags(): string | undefined {
    return this.property(property.TAGS)
  }

  /** The words of KEYS. */
  get keys(): string[] {
    return (
      this.property(property.KEYS)
        ?.split(' ')
        .filter(word => word !== '') ?? []
    )
  }

  /** The id by which the broker finds the message again. */
  get offsetMsgId(): string {
    return createOffsetMsgId(encodeHost(this.storeHost.address, this.storeHost.port), this.physicalOffset)
  }

  /** What users call the message's id: UNIQ_KEY, or offsetMsgId without one (MessageClientExt.java#getMsgId). */
  get msgId(): string {
    return this.property(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX) ?? this.offsetMsgId
  }
}

export type StoredFields = Pick<
  DecodedMessage,
  | 'topic'
  | 'queueId'
  | 'flag'
  | 'queueOffset'
  | 'physicalOffset'
  | 'sysFlag'
  | 'bornTimestamp'
  | 'bornHost'
  | 'storeTimestamp'
  | 'storeHost'
  | 'reconsumeTimes'
  | 'preparedTransactionOffset'
  | 'bodyCrc'
  | 'storeSize'
  | 'storedBody'
  | 'encodedProperties'
>

/** Reads the record at `at`. Throws MalformedError saying what does not agree. */
export function decodeRecord(buffer: Buffer, at = 0, options: DecodeOptions = {}): DecodedMessage {
  const record = checkRecord(buffer, at, buffer.length, options.checkCrc ?? true)
  if (record.kind !== 'record')
    throw new MalformedError(`record at byte ${at}: ${record.kind === 'bad' ? record.why : 'a blank'}`)
  const bornHostSize = (record.sysFlag & sysFlag.BORNHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE
  const storeHostSize = (record.sysFlag & sysFlag.STOREHOST_V6) === 0 ? HOST_V4_SIZE : HOST_V6_SIZE
  const { bodyAt, bodyLength, topicAt, topicLength, propertiesAt, propertiesLength } = record
  return new DecodedMessage(
    {
      topic: buffer.toString('utf8', topicAt, topicAt + topicLength),
      queueId: record.queueId,
      flag: getInt(buffer, at + 16),
      queueOffset: record.queueOffset,
      physicalOffset: record.physicalOffset,
      sysFlag: record.sysFlag,
      bornTimestamp: getLong(buffer, at + 40),
      bornHost: decodeHost(buffer, at + 48, bornHostSize),
      storeTimestamp: record.storeTimestamp,
      storeHost: decodeHost(buffer, at + 48 + bornHostSize + 8, storeHostSize),
      reconsumeTimes: getInt(buffer, bodyAt - 16),
      preparedTransactionOffset: getLong(buffer, bodyAt - 12),
      bodyCrc: getInt(buffer, at + 8),
      storeSize: record.size,
      storedBody: buffer.subarray(bodyAt, bodyAt + bodyLength),
      encodedProperties: buffer.subarray(propertiesAt, propertiesAt + propertiesLength),
    },
    options.maxBodyBytes,
  )
}

/** Reads the body of a PULL, POP, QUERY or VIEW answer: records one behind the other. Throws MalformedError. */
export function decodeRecords(body: Buffer, options: DecodeOptions = {}): DecodedMessage[] {
  return recordStarts(body).map(at => decodeRecord(body, at, options))
}

/**
 * The messages of a record that holds a whole batch (sysFlag NEED_UNWRAP and INNER_BATCH, topics with queue.type=BatchCQ);
 * the message itself in a list when it holds none. Message i has the record's queueOffset + i
 * (MessageDecoder.java#decodeMessage). Throws MalformedError.
 */
export function unwrapBatch(message: DecodedMessage): DecodedMessage[] {
  const needed = sysFlag.NEED_UNWRAP | sysFlag.INNER_BATCH
  if ((message.sysFlag & needed) !== needed) return [message]
  return decodeBatch(message.body).map((item, i) => {
    const properties = decodeProperties(item.properties)
    for (const name of [property.POP_CK, property.POP_CK_OFFSET, property.FIRST_POP_TIME]) {
      const value = message.property(name)
      if (value !== undefined) properties.set(name, value)
    }
    return new DecodedMessage({
      ...storedFields(message),
      flag: item.flag,
      queueOffset: message.queueOffset + i,
      sysFlag: message.sysFlag & ~(needed | sysFlag.COMPRESSED),
      storedBody: item.body,
      encodedProperties: encodeProperties(properties),
    })
  })
}

function storedFields(message: DecodedMessage): StoredFields {
  const { topic, queueId, flag, queueOffset, physicalOffset, bornTimestamp, bornHost, storeTimestamp, storeHost } =
    message
  const { reconsumeTimes, preparedTransactionOffset, bodyCrc, storeSize, storedBody, encodedProperties } = message
  return {
    topic,
    queueId,
    flag,
    queueOffset,
    physicalOffset,
    sysFlag: message.sysFlag,
    bornTimestamp,
    bornHost,
    storeTimestamp,
    storeHost,
    reconsumeTimes,
    preparedTransactionOffset,
    bodyCrc,
    storeSize,
    storedBody,
    encodedProperties,
  }
}
