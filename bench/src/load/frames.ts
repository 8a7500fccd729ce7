/**
 * Request frames as templates: a generator patches a few digits of fixed width and sends the same bytes again, so that
 * almost all of the machine is the broker's. They are what the Java client sends (JSON headers), fair to both brokers.
 */

/** Opaques have ten digits, of which generators patch the last eight. */
const OPAQUE_BASE = 1_000_000_000
export const SERIAL_DIGITS = 8
export const SERIALS = 10 ** SERIAL_DIGITS
const NO_SERIAL = '0'.repeat(SERIAL_DIGITS)
/** Queue offsets have ten digits: leading zeros cost no broker anything and keep the frame's length. */
export const OFFSET_DIGITS = 10

/** Address, process id and class loader hash, start of the month: what MessageClientIDSetter.java puts before its counter. */
const UNIQ_KEY = '7F000001000118B4AAC20000'
const KEY = 'order-'

function frameOf(code: number, extFields: Record<string, string>, body: Buffer): { frame: Buffer; header: string } {
  const rest = { flag: 0, language: 'JAVA', opaque: OPAQUE_BASE, serializeTypeCurrentRPC: 'JSON', version: 513 }
  const header = JSON.stringify({ code, extFields, ...rest })
  const frame = Buffer.alloc(8 + header.length + body.length)
  frame.writeInt32BE(4 + header.length + body.length, 0)
  frame.writeInt32BE(header.length, 4)
  frame.write(header, 8, 'latin1')
  body.copy(frame, 8 + header.length)
  return { frame, header }
}

const behind = (header: string, text: string) => 8 + header.indexOf(text) + text.length

export interface SendTemplate {
  readonly frame: Buffer
  /** Where SERIAL_DIGITS digits of the opaque lie. */
  readonly opaqueAt: number
  /** Where the one digit of the queue lies. */
  readonly queueAt: number
  /** For each message, where SERIAL_DIGITS digits of its UNIQ_KEY and of its KEYS lie. */
  readonly serialsAt: readonly (readonly [number, number])[]
  /** Where the (first) message's body begins. */
  readonly bodyAt: number
}

export interface SendShape {
  readonly topic: string
  readonly brokerName: string
  /** Bytes of one message's body. */
  readonly bodyBytes: number
  readonly queues: number
  /** Messages in one request: 1 makes SEND_MESSAGE_V2, more SEND_BATCH_MESSAGE. */
  readonly batch: number
  /** Further properties, each with its end: `DELAY\x0118\x02`. */
  readonly properties?: string
  /** MessageSysFlag.java */
  readonly sysFlag?: number
}

const properties = `KEYS\x01${KEY}${NO_SERIAL}\x02UNIQ_KEY\x01${UNIQ_KEY}${NO_SERIAL}\x02WAIT\x01true\x02TAGS\x01TagA\x02`

/** MessageDecoder.java#encodeMessage: size, magic, CRC, flag, body length, body, properties length, properties. */
function batchBody(shape: SendShape): Buffer {
  const bytes = 22 + shape.bodyBytes + properties.length
  const one = Buffer.alloc(bytes, 'x')
  one.fill(0, 0, 20)
  one.writeInt32BE(bytes, 0)
  one.writeInt32BE(shape.bodyBytes, 16)
  one.writeInt16BE(properties.length, 20 + shape.bodyBytes)
  one.write(properties, 22 + shape.bodyBytes, 'latin1')
  return Buffer.concat(Array.from({ length: shape.batch }, () => one))
}

export function sendTemplate(shape: SendShape): SendTemplate {
  const single = shape.batch === 1
  const ofOne = properties + (shape.properties ?? '')
  const body = single ? Buffer.alloc(shape.bodyBytes, 'x') : batchBody(shape)
  const { frame, header } = frameOf(
    single ? 310 : 320,
    {
      a: 'bench_producers',
      b: shape.topic,
      c: 'TBW102',
      d: String(shape.queues),
      e: '0',
      f: String(shape.sysFlag ?? 0),
      g: String(Date.now()),
      h: '0',
      i: single ? ofOne : 'WAIT\x01true\x02',
      j: '0',
      k: 'false',
      m: String(!single),
      n: shape.brokerName,
    },
    body,
  )
  const serialsAt: [number, number][] = []
  // In the header the separators are escaped, so the texts around the digits are searched without them.
  for (let at = 0; ; ) {
    const keyAt = frame.indexOf(KEY, at)
    if (keyAt < 0) break
    at = frame.indexOf(UNIQ_KEY, keyAt)
    serialsAt.push([at + UNIQ_KEY.length, keyAt + KEY.length])
  }
  return {
    frame,
    opaqueAt: behind(header, '"opaque":') + 2,
    queueAt: behind(header, '"e":"'),
    serialsAt,
    bodyAt: frame.length - body.length + (single ? 0 : 20),
  }
}

export interface PullTemplate {
  readonly frame: Buffer
  readonly opaqueAt: number
  readonly queueAt: number
  /** Where OFFSET_DIGITS digits of queueOffset lie. */
  readonly offsetAt: number
}

/** Long polling: the broker may hold the pull (PullSysFlag.java). */
const SUSPEND = 2
/** The subscription comes with the pull, so no heartbeat has to bring it. */
const SUBSCRIPTION = 4

export function pullTemplate(shape: {
  topic: string
  brokerName: string
  maxMessages: number
  /** 0: an empty queue is answered at once. */
  suspendMs: number
}): PullTemplate {
  const { frame, header } = frameOf(
    11,
    {
      queueId: '0',
      maxMsgNums: String(shape.maxMessages),
      sysFlag: String(SUBSCRIPTION | (shape.suspendMs > 0 ? SUSPEND : 0)),
      suspendTimeoutMillis: String(shape.suspendMs),
      commitOffset: '0',
      bname: shape.brokerName,
      topic: shape.topic,
      queueOffset: '0'.repeat(OFFSET_DIGITS),
      expressionType: 'TAG',
      subscription: '*',
      subVersion: '0',
      consumerGroup: 'bench_consumers',
    },
    Buffer.alloc(0),
  )
  return {
    frame,
    opaqueAt: behind(header, '"opaque":') + 2,
    queueAt: behind(header, '"queueId":"'),
    offsetAt: behind(header, '"queueOffset":"'),
  }
}
