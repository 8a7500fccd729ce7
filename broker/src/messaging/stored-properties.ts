import { javaHashUtf8 } from '@rocketcluster/protocol'

/** NAME_VALUE_SEPARATOR and PROPERTY_SEPARATOR of MessageDecoder.java. */
const NAME_END = 1
const VALUE_END = 2

/** What a producer put in the properties that decides how the broker treats the message. */
export interface PropertyTraits {
  tagsCode: number
  uniqKey: string | undefined
  keys: string | undefined
  /** WAIT=false: the producer does not wait for disk and replicas. */
  waitStoreMsgOK: boolean
  /** DELAY, or any of the TIMER_ properties: deliver later. The property's name. */
  delay: string | undefined
  /** TRAN_MSG=true: a half message. */
  transactionPrepared: boolean
  /** __SHARDINGKEY: the producer wants order by this key. */
  ordered: boolean
}

const ascii = (text: string) => Buffer.from(text, 'latin1')
const TAGS = ascii('TAGS')
const KEYS = ascii('KEYS')
const WAIT = ascii('WAIT')
const DELAY = ascii('DELAY')
const POP_CK = ascii('POP_CK')
const CLUSTER = ascii('CLUSTER')
const UNIQ_KEY = ascii('UNIQ_KEY')
const TRAN_MSG = ascii('TRAN_MSG')
const TRACE_ON = ascii('TRACE_ON')
const MSG_REGION = ascii('MSG_REGION')
const SHARDING_KEY = ascii('__SHARDINGKEY')
const TIMER_DELAY_MS = ascii('TIMER_DELAY_MS')
const TIMER_DELAY_SEC = ascii('TIMER_DELAY_SEC')
const TIMER_DELIVER_MS = ascii('TIMER_DELIVER_MS')

/**
 * Rewrites a producer's properties into what is stored, in one pass over the bytes and without making strings or
 * objects: WAIT and POP_CK go, CLUSTER, MSG_REGION and TRACE_ON become this broker's, everything else stays as sent
 * (SendMessageProcessor.java, AbstractSendMessageProcessor.java#buildMsgContext). The traits found on the way lie in
 * `traits` until the next call.
 */
export class StoredProperties {
  #suffix: Buffer
  readonly #newUniqKey: () => string
  #scratch = Buffer.allocUnsafeSlow(64 * 1024)
  readonly traits: PropertyTraits = {
    tagsCode: 0,
    uniqKey: undefined,
    keys: undefined,
    waitStoreMsgOK: true,
    delay: undefined,
    transactionPrepared: false,
    ordered: false,
  }

  /** `newUniqKey` makes the id for messages whose producer set none. */
  constructor(options: { clusterName: string; regionId: string; traceOn: boolean; newUniqKey: () => string }) {
    this.#suffix = brokersOwn(options)
    this.#newUniqKey = options.newUniqKey
  }

  /** What this broker says of itself in each message from now on. */
  configure(options: { clusterName: string; regionId: string; traceOn: boolean }): void {
    this.#suffix = brokersOwn(options)
  }

  /** The stored form; valid until the next call. Pairs without a name or value are dropped, as Java's parser does. */
  rewrite(sent: Buffer): Buffer {
    const { traits } = this
    forget(traits)
    const suffix = this.#suffix
    const most = sent.length + suffix.length + 64
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafeSlow(most * 2)
    const out = this.#scratch
    let length = 0
    const end = sent.length
    let at = 0
    // Neighbours that stay are copied together.
    let runStart = -1
    while (at < end) {
      let nameEnd = at
      while (nameEnd < end && sent[nameEnd] !== NAME_END && sent[nameEnd] !== VALUE_END) nameEnd++
      let valueEnd = nameEnd
      while (valueEnd < end && sent[valueEnd] !== VALUE_END) valueEnd++
      const whole = nameEnd < end && sent[nameEnd] === NAME_END && nameEnd > at && valueEnd > nameEnd + 1
      if (whole) note(traits, sent, at, nameEnd, nameEnd + 1, valueEnd)
      if (whole && !isReplaced(sent, at, nameEnd)) {
        if (runStart < 0) runStart = at
      } else if (runStart >= 0) {
        length = copy(sent, runStart, at, out, length)
        runStart = -1
      }
      at = valueEnd + 1
    }
    if (runStart >= 0) {
      length = copy(sent, runStart, end, out, length)
      if (out[length - 1] !== VALUE_END) out[length++] = VALUE_END
    }
    if (traits.uniqKey === undefined) {
      traits.uniqKey = this.#newUniqKey()
      length += out.write(`UNIQ_KEY\x01${traits.uniqKey}\x02`, length, 'latin1')
    }
    length = copy(suffix, 0, suffix.length, out, length)
    return out.subarray(0, length)
  }

  /** Only looks: for the messages of a batch, which are stored with the properties they have. */
  scan(sent: Buffer): PropertyTraits {
    const { traits } = this
    forget(traits)
    const end = sent.length
    let at = 0
    while (at < end) {
      let nameEnd = at
      while (nameEnd < end && sent[nameEnd] !== NAME_END && sent[nameEnd] !== VALUE_END) nameEnd++
      let valueEnd = nameEnd
      while (valueEnd < end && sent[valueEnd] !== VALUE_END) valueEnd++
      if (sent[nameEnd] === NAME_END && nameEnd > at && valueEnd > nameEnd + 1)
        note(traits, sent, at, nameEnd, nameEnd + 1, valueEnd)
      at = valueEnd + 1
    }
    return traits
  }
}

function forget(traits: PropertyTraits): void {
  traits.tagsCode = 0
  traits.uniqKey = undefined
  traits.keys = undefined
  traits.waitStoreMsgOK = true
  traits.delay = undefined
  traits.transactionPrepared = false
  traits.ordered = false
}

/** Below it a loop is faster than a call into the runtime, which first makes a view of the source. */
const LOOP_BYTES = 192

/** Returns where the copy ends in `into`. */
function copy(from: Buffer, start: number, end: number, into: Buffer, at: number): number {
  if (end - start > LOOP_BYTES) return at + from.copy(into, at, start, end)
  for (let i = start; i < end; i++) into[at++] = from[i]!
  return at
}

const brokersOwn = ({ regionId, traceOn, clusterName }: { clusterName: string; regionId: string; traceOn: boolean }) =>
  Buffer.from(`MSG_REGION\x01${regionId}\x02TRACE_ON\x01${traceOn}\x02CLUSTER\x01${clusterName}\x02`)

/** The names that the stored form never takes over from the producer. */
function isReplaced(bytes: Buffer, start: number, end: number): boolean {
  switch (end - start) {
    case 4:
      return is(bytes, start, WAIT)
    case 6:
      return is(bytes, start, POP_CK)
    case 7:
      return is(bytes, start, CLUSTER)
    case 8:
      return is(bytes, start, TRACE_ON)
    case 10:
      return is(bytes, start, MSG_REGION)
    default:
      return false
  }
}

function note(
  traits: PropertyTraits,
  bytes: Buffer,
  start: number,
  end: number,
  value: number,
  valueEnd: number,
): void {
  switch (end - start) {
    case 4:
      if (is(bytes, start, TAGS)) traits.tagsCode = javaHashUtf8(bytes, value, valueEnd)
      else if (is(bytes, start, KEYS)) traits.keys = bytes.toString('utf8', value, valueEnd)
      else if (is(bytes, start, WAIT)) traits.waitStoreMsgOK = isTrue(bytes, value, valueEnd)
      break
    case 5:
      if (is(bytes, start, DELAY)) traits.delay = 'DELAY'
      break
    case 8:
      if (is(bytes, start, UNIQ_KEY)) traits.uniqKey = bytes.toString('utf8', value, valueEnd)
      else if (is(bytes, start, TRAN_MSG)) traits.transactionPrepared = isTrue(bytes, value, valueEnd)
      break
    case 13:
      if (is(bytes, start, SHARDING_KEY)) traits.ordered = true
      break
    case 14:
      if (is(bytes, start, TIMER_DELAY_MS)) traits.delay = 'TIMER_DELAY_MS'
      break
    case 15:
      if (is(bytes, start, TIMER_DELAY_SEC)) traits.delay = 'TIMER_DELAY_SEC'
      break
    case 16:
      if (is(bytes, start, TIMER_DELIVER_MS)) traits.delay = 'TIMER_DELIVER_MS'
      break
  }
}

function is(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false
  return true
}

/** Java's Boolean.parseBoolean. */
function isTrue(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    (bytes[start]! | 0x20) === 0x74 &&
    (bytes[start + 1]! | 0x20) === 0x72 &&
    (bytes[start + 2]! | 0x20) === 0x75 &&
    (bytes[start + 3]! | 0x20) === 0x65
  )
}
