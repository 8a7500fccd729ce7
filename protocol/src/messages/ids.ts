import { FieldError } from '../errors.ts'
import { getBigLong, getInt, putInt } from './bytes.ts'
import { HOST_V4_SIZE, HOST_V6_SIZE, type Host, type HostBytes, printAddress } from './host.ts'

/** Where a message lies: the address of the broker that stored it, and the place in its commitLog. */
export interface OffsetMsgId {
  readonly host: Host
  readonly physicalOffset: number
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))

function hex(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!]
  return text
}

const HEX_TEXT = /^[0-9a-fA-F]*$/

function unhex(text: string, field: string, lengths: readonly number[]): Buffer {
  if (!lengths.includes(text.length) || !HEX_TEXT.test(text))
    throw new FieldError(
      field,
      `${JSON.stringify(text.slice(0, 80))} is not ${lengths.join(' or ')} hexadecimal digits`,
    )
  return Buffer.from(text, 'hex')
}

/**
 * The id of a stored message (MessageDecoder.java#createMessageId): upper-case hex of storeHost and physical offset,
 * 32 digits with IPv4, 56 with IPv6.
 */
export function createOffsetMsgId(storeHost: HostBytes, physicalOffset: number): string {
  return offsetMsgIds(storeHost)(physicalOffset)
}

/** `createOffsetMsgId` for one broker: its address is turned into text once. One call per message sent, so this is hot. */
export function offsetMsgIds(storeHost: HostBytes): (physicalOffset: number) => string {
  const prefix = hex(storeHost)
  return physicalOffset => {
    const high = Math.floor(physicalOffset / 4294967296)
    const low = physicalOffset - high * 4294967296
    return (
      prefix +
      HEX[(high >>> 24) & 255] +
      HEX[(high >>> 16) & 255] +
      HEX[(high >>> 8) & 255] +
      HEX[high & 255] +
      HEX[(low >>> 24) & 255] +
      HEX[(low >>> 16) & 255] +
      HEX[(low >>> 8) & 255] +
      HEX[low & 255]
    )
  }
}

/** Reads an offsetMsgId. Throws FieldError naming `field` when it is none. */
export function parseOffsetMsgId(id: string, field = 'msgId'): OffsetMsgId {
  const bytes = unhex(id, field, [2 * (HOST_V4_SIZE + 8), 2 * (HOST_V6_SIZE + 8)])
  const hostSize = bytes.length - 8
  const port = getInt(bytes, hostSize - 4)
  const offset = getBigLong(bytes, hostSize)
  if (port < 0 || port > 65535)
    throw new FieldError(field, `${JSON.stringify(id)} holds port ${port}, which is not from 0 to 65535`)
  if (offset < 0n || offset > BigInt(Number.MAX_SAFE_INTEGER))
    throw new FieldError(field, `${JSON.stringify(id)} holds offset ${offset}, which no commitLog reaches`)
  return { host: { address: printAddress(bytes.subarray(0, hostSize - 4)), port }, physicalOffset: Number(offset) }
}

/** What a UNIQ_KEY needs from outside. World's Clock is one. */
export interface UniqKeyClock {
  now(): number
  localTime(timestampMs: number): {
    readonly year: number
    readonly month: number
    readonly day: number
    readonly hour: number
    readonly minute: number
    readonly second: number
    readonly millisecond: number
  }
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The local midnight in which the month of `timestampMs` began. */
function monthStart(clock: UniqKeyClock, timestampMs: number): number {
  const sinceMidnight = (time: number) => {
    const { hour, minute, second, millisecond } = clock.localTime(time)
    return hour * HOUR + minute * 60_000 + second * 1000 + millisecond
  }
  const { day } = clock.localTime(timestampMs)
  const guess = timestampMs - (day - 1) * DAY - sinceMidnight(timestampMs)
  // With a change of summer time in between the guess is off by an hour, to either side of midnight.
  return clock.localTime(guess).day === 1 ? guess - sinceMidnight(guess) : guess + DAY - sinceMidnight(guess)
}

/**
 * Makes UNIQ_KEYs, the ids that producers give to messages (MessageClientIDSetter.java), in upper-case hex:
 * ip (4 or 16 bytes), pid (2), a number that tells producers of one process apart (4; Java takes its class loader's hash),
 * milliseconds since the local month began (4), a counter (2).
 */
export class UniqKeyGenerator {
  readonly #clock: UniqKeyClock
  readonly #prefix: string
  #counter: number
  #monthStart = 0
  #monthEnd = 0

  constructor(options: {
    clock: UniqKeyClock
    /** 4 or 16 bytes, see `parseAddress`. */
    ip: Uint8Array
    pid: number
    /** Any 32 bits, from the world's Random. */
    instance: number
    /** First value of the counter; 0 in Java. */
    counter?: number
  }) {
    const { ip } = options
    if (ip.length !== 4 && ip.length !== 16) throw new RangeError(`an ip of ${ip.length} bytes is not one of 4 or 16`)
    const fixed = Buffer.alloc(ip.length + 6)
    fixed.set(ip)
    fixed[ip.length] = options.pid >>> 8
    fixed[ip.length + 1] = options.pid
    putInt(fixed, ip.length + 2, options.instance)
    this.#prefix = hex(fixed)
    this.#clock = options.clock
    this.#counter = options.counter ?? 0
  }

  next(): string {
    const now = this.#clock.now()
    if (now >= this.#monthEnd || now < this.#monthStart) {
      this.#monthStart = monthStart(this.#clock, now)
      // A point in the next month whatever the length of this one, then its own start.
      this.#monthEnd = monthStart(this.#clock, this.#monthStart + 32 * DAY)
    }
    const diff = now - this.#monthStart
    const counter = this.#counter++ & 0xffff
    return (
      this.#prefix +
      HEX[(diff >>> 24) & 255] +
      HEX[(diff >>> 16) & 255] +
      HEX[(diff >>> 8) & 255] +
      HEX[diff & 255] +
      HEX[counter >>> 8] +
      HEX[counter & 255]
    )
  }
}

export interface UniqKey {
  readonly address: string
  readonly pid: number
  readonly instance: number
  /** When it was made: the latest moment at or before now which fits, as the id does not say which month it counts from. */
  readonly timestamp: number
  readonly counter: number
}

/** Reads a UNIQ_KEY. Throws FieldError when it is none; other clients' keys may have other forms. */
export function parseUniqKey(key: string, clock: UniqKeyClock, field = 'UNIQ_KEY'): UniqKey {
  const bytes = unhex(key, field, [32, 56])
  const ipSize = bytes.length - 12
  const now = clock.now()
  const since = getInt(bytes, ipSize + 6) >>> 0
  const thisMonth = monthStart(clock, now)
  const timestamp = thisMonth + since <= now ? thisMonth + since : monthStart(clock, thisMonth - DAY) + since
  return {
    address: printAddress(bytes.subarray(0, ipSize)),
    pid: (bytes[ipSize]! << 8) | bytes[ipSize + 1]!,
    instance: getInt(bytes, ipSize + 2),
    timestamp,
    counter: (bytes[ipSize + 10]! << 8) | bytes[ipSize + 11]!,
  }
}
