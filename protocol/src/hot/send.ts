import { Buffer } from 'node:buffer'
import { type CommandHeader, decodeHeader } from '../command.ts'
import type { ValuesOf } from '../fields.ts'
import type { Frame } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import type { Language } from '../language.ts'
import { sendHeader, sendHeaderV2 } from '../requests/common/send-fields.ts'
import { HeaderScanner } from './scanner.ts'
import { bool, int, long, optionalInt, optionalText, text, UNUSUAL } from './texts.ts'

/**
 * A send, whichever of its codes: the typed header under its full names, and what an answer needs. The properties stay
 * bytes, ready to be stored (half a surrogate pair, which JSON can escape and UTF-8 cannot hold, is U+FFFD in them); as a
 * string they are made only when asked for.
 */
export class SendRequest {
  readonly code: number
  readonly opaque: number
  readonly flag: number
  readonly version: number
  readonly language: Language
  readonly producerGroup: string
  readonly topic: string
  readonly defaultTopic: string
  readonly defaultTopicQueueNums: number
  readonly queueId: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  /** The message's flag; the command's is `flag`. */
  readonly messageFlag: number
  readonly reconsumeTimes: number | undefined
  readonly unitMode: boolean
  readonly maxReconsumeTimes: number | undefined
  readonly batch: boolean
  readonly brokerName: string | undefined
  /** The properties as UTF-8 lie here, from `propertiesStart` to `propertiesEnd`; undefined when none were sent. */
  readonly propertiesBuffer: Buffer | undefined
  readonly propertiesStart: number
  readonly propertiesEnd: number

  constructor(
    code: number,
    opaque: number,
    flag: number,
    version: number,
    language: Language,
    producerGroup: string,
    topic: string,
    defaultTopic: string,
    defaultTopicQueueNums: number,
    queueId: number,
    sysFlag: number,
    bornTimestamp: number,
    messageFlag: number,
    reconsumeTimes: number | undefined,
    unitMode: boolean,
    maxReconsumeTimes: number | undefined,
    batch: boolean,
    brokerName: string | undefined,
    propertiesBuffer: Buffer | undefined,
    propertiesStart: number,
    propertiesEnd: number,
  ) {
    this.code = code
    this.opaque = opaque
    this.flag = flag
    this.version = version
    this.language = language
    this.producerGroup = producerGroup
    this.topic = topic
    this.defaultTopic = defaultTopic
    this.defaultTopicQueueNums = defaultTopicQueueNums
    this.queueId = queueId
    this.sysFlag = sysFlag
    this.bornTimestamp = bornTimestamp
    this.messageFlag = messageFlag
    this.reconsumeTimes = reconsumeTimes
    this.unitMode = unitMode
    this.maxReconsumeTimes = maxReconsumeTimes
    this.batch = batch
    this.brokerName = brokerName
    this.propertiesBuffer = propertiesBuffer
    this.propertiesStart = propertiesStart
    this.propertiesEnd = propertiesEnd
  }

  get propertiesBytes(): Buffer | undefined {
    return this.propertiesBuffer?.subarray(this.propertiesStart, this.propertiesEnd)
  }

  get properties(): string | undefined {
    return this.propertiesBuffer?.toString('utf8', this.propertiesStart, this.propertiesEnd)
  }
}

/** Both tables in the order of the constants below; V1 has no broker name. */
const V1 = new HeaderScanner([
  'producerGroup',
  'topic',
  'defaultTopic',
  'defaultTopicQueueNums',
  'queueId',
  'sysFlag',
  'bornTimestamp',
  'flag',
  'properties',
  'reconsumeTimes',
  'unitMode',
  'maxReconsumeTimes',
  'batch',
])
const V2 = new HeaderScanner(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n'])

const PROPERTIES = 8
const BROKER_NAME = 13

/** Reads SEND_MESSAGE and SEND_REPLY_MESSAGE: full names. Throws MalformedError and FieldError. */
export function decodeSend(frame: Frame): SendRequest {
  return scanned(V1, frame, false) ?? ordinary(decodeHeader(frame), sendHeader)
}

/** Reads SEND_MESSAGE_V2, SEND_BATCH_MESSAGE and SEND_REPLY_MESSAGE_V2: one-letter names. Throws MalformedError and FieldError. */
export function decodeSendV2(frame: Frame): SendRequest {
  return scanned(V2, frame, true) ?? ordinary(decodeHeader(frame), sendHeaderV2)
}

function scanned(scan: HeaderScanner, frame: Frame, v2: boolean): SendRequest | undefined {
  if (!scan.scan(frame)) return undefined
  const { buffer } = frame
  try {
    const propertiesStart = scan.starts[PROPERTIES]!
    const inSlab = scan.escaped[PROPERTIES] === 1
    return new SendRequest(
      scan.code,
      scan.opaque,
      scan.flag,
      scan.version,
      scan.language,
      text(scan, buffer, 0),
      text(scan, buffer, 1),
      text(scan, buffer, 2),
      int(scan, buffer, 3),
      int(scan, buffer, 4),
      int(scan, buffer, 5),
      long(scan, buffer, 6),
      int(scan, buffer, 7),
      optionalInt(scan, buffer, 9),
      bool(scan, buffer, 10),
      optionalInt(scan, buffer, 11),
      bool(scan, buffer, 12),
      v2 ? optionalText(scan, buffer, BROKER_NAME) : undefined,
      propertiesStart < 0 ? undefined : inSlab ? scan.slab : buffer,
      Math.max(propertiesStart, 0),
      propertiesStart < 0 ? 0 : scan.ends[PROPERTIES]!,
    )
  } catch (error) {
    if (error === UNUSUAL) return undefined
    throw error
  }
}

function ordinary(header: CommandHeader, fields: typeof sendHeader | typeof sendHeaderV2): SendRequest {
  const values = compileHeader(fields).decode(header.extFields) as ValuesOf<typeof sendHeader> & { brokerName?: string }
  const properties = values.properties === undefined ? undefined : Buffer.from(values.properties, 'utf8')
  return new SendRequest(
    header.code,
    header.opaque,
    header.flag,
    header.version,
    header.language,
    values.producerGroup,
    values.topic,
    values.defaultTopic,
    values.defaultTopicQueueNums,
    values.queueId,
    values.sysFlag,
    values.bornTimestamp,
    values.flag,
    values.reconsumeTimes,
    values.unitMode,
    values.maxReconsumeTimes,
    values.batch,
    values.brokerName,
    properties,
    0,
    properties?.length ?? 0,
  )
}
