import { type Buffer, isUtf8 } from 'node:buffer'
import type { Frame } from '../frame.ts'
import { BINARY_FIXED_BYTES } from '../header-binary.ts'
import { type Language, languageOfCode, languageOfName } from '../language.ts'
import { ensureSlab, slab } from './slab.ts'
import { cachedAscii } from './string-cache.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const MINUS = 0x2d
const ZERO = 0x30

const MEMBERS = ['code', 'extFields', 'flag', 'language', 'opaque', 'remark', 'serializeTypeCurrentRPC', 'version']
const CODE = 0
const EXT = 1
const FLAG = 2
const LANGUAGE = 3
const OPAQUE = 4
const VERSION = 7

/** Names by hash of length, first and last byte; made so that no two of one table meet. */
class NameTable {
  readonly #multiplier: number
  readonly #slots: Int8Array
  readonly #names: readonly Uint8Array[]
  /** Names of one byte by that byte. */
  readonly letters = new Int8Array(256).fill(-1)

  constructor(names: readonly string[]) {
    this.#names = names.map(name => new TextEncoder().encode(name))
    for (const [index, name] of this.#names.entries()) if (name.length === 1) this.letters[name[0]!] = index
    for (let multiplier = 1; ; multiplier++) {
      const slots = new Int8Array(256).fill(-1)
      const free = this.#names.every((name, index) => {
        const slot = hash(name, 0, name.length, multiplier)
        if (slots[slot] !== -1) return false
        slots[slot] = index
        return true
      })
      if (free) {
        this.#multiplier = multiplier
        this.#slots = slots
        return
      }
      if (multiplier > 10_000) throw new Error(`no hash tells ${names.join(', ')} apart`)
    }
  }

  /** The index of the name that these bytes are, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return -1
    const index = this.#slots[hash(bytes, start, end, this.#multiplier)]!
    if (index < 0) return -1
    const name = this.#names[index]!
    const length = end - start
    if (name.length !== length) return -1
    for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return -1
    return index
  }
}

function hash(bytes: Uint8Array, start: number, end: number, multiplier: number): number {
  return (bytes[start]! * multiplier + bytes[end - 1]! * 31 + bytes[(start + end) >> 1]! * 7 + (end - start)) & 255
}

const MEMBER_BYTES = MEMBERS.map(name => new TextEncoder().encode(`${name}":`))
/** Members by their first letter, which no two share. */
const MEMBER_BY_LETTER = new Int8Array(256).fill(-1)
for (const [index, bytes] of MEMBER_BYTES.entries()) MEMBER_BY_LETTER[bytes[0]!] = index

const TEXT_BEYOND_ASCII = 0x80

/** 1 for what stands in a JSON text for itself and is ASCII. */
const PLAIN = new Uint8Array(256)
for (let c = 0x20; c < 0x80; c++) PLAIN[c] = c === QUOTE || c === BACKSLASH ? 0 : 1

/**
 * Finds the header fields of one kind of request in the bytes of a frame, in one pass and without making strings.
 * It understands what the clients really write and says false for all else (white space, numbers where texts belong,
 * a name twice, members it does not know, escapes beyond ASCII, anything broken): then the ordinary decoder has the word.
 *
 * After `scan` the fields lie in `starts` and `ends` by index of `names` (start -1: absent), in `buffers`.
 * The next `scan` writes over them.
 */
export class HeaderScanner {
  code = 0
  flag = 0
  opaque = 0
  version = 0
  language: Language = 'JAVA'
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Whether the text lies in `slab`, without its escapes, and not in the frame. */
  readonly escaped: Uint8Array
  /** The slab that this scan used. */
  slab: Buffer = slab.buffer
  /** What was OR-ed over all bytes of each text: 0x80 set means it is not ASCII. */
  readonly high: Uint8Array
  readonly #names: NameTable
  #at = 0
  #high = 0

  /** `names` as they are on the wire. */
  constructor(names: readonly string[]) {
    this.#names = new NameTable(names)
    this.starts = new Int32Array(names.length)
    this.ends = new Int32Array(names.length)
    this.escaped = new Uint8Array(names.length)
    this.high = new Uint8Array(names.length)
  }

  scan(frame: Frame): boolean {
    const { starts } = this
    for (let i = 0; i < starts.length; i++) starts[i] = -1
    return frame.serializeType === 'JSON'
      ? this.#json(frame.buffer, frame.headerStart, frame.headerEnd)
      : this.#binary(frame.buffer, frame.headerStart, frame.headerEnd)
  }

  // Every step only moves forward, and at the end we must stand exactly on `end`: so nothing behind it is believed.

  #json(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < 2 || buffer[start] !== OPEN || buffer[end - 1] !== CLOSE) return false
    let seen = 0
    let anyHigh = 0
    this.version = this.opaque = this.flag = this.code = 0
    this.language = 'JAVA'
    let at = start + 1
    for (;;) {
      if (buffer[at] !== QUOTE) return false
      const member = MEMBER_BY_LETTER[buffer[++at]!]!
      if (!(member >= 0) || (seen & (1 << member)) !== 0) return false
      seen |= 1 << member
      const name = MEMBER_BYTES[member]!
      for (let i = 0; i < name.length; i++) if (buffer[at + i] !== name[i]) return false
      at += name.length
      if (member === CODE || member === FLAG || member === OPAQUE || member === VERSION) {
        const negative = buffer[at] === MINUS
        const digits = negative ? ++at : at
        let value = 0
        let digit = 0
        while (at < end && (digit = buffer[at]! - ZERO) >= 0 && digit <= 9) {
          value = value * 10 + digit
          at++
        }
        if (at === digits || at - digits > 10 || (at - digits > 1 && buffer[digits] === ZERO)) return false
        if (negative) value = 0 - value
        if ((value | 0) !== value) return false
        if (member === CODE) this.code = value
        else if (member === FLAG) this.flag = value
        else if (member === OPAQUE) this.opaque = value
        else this.version = value
      } else if (member === EXT) {
        at = this.#jsonExt(buffer, at, end)
        if (at < 0) return false
        anyHigh |= this.#high
      } else {
        if (buffer[at] !== QUOTE) return false
        const textStart = ++at
        let textHigh = 0
        let c = 0
        while (at < end && (c = buffer[at]!) !== QUOTE) {
          if (c === BACKSLASH || c < 0x20) return false
          textHigh |= c
          at++
        }
        anyHigh |= textHigh
        if (member === LANGUAGE) {
          if ((textHigh & TEXT_BEYOND_ASCII) !== 0) return false
          this.language = languageOfName(cachedAscii(buffer, textStart, at))
        }
        at++
      }
      if (buffer[at] === COMMA) at++
      else break
    }
    if (buffer[at] !== CLOSE || at + 1 !== end) return false
    return (anyHigh & TEXT_BEYOND_ASCII) === 0 || isUtf8(buffer.subarray(start, end))
  }

  /** Returns where extFields ends, or -1. */
  #jsonExt(buffer: Buffer, at: number, end: number): number {
    const { starts, ends, escaped, high } = this
    const names = this.#names
    const letters = names.letters
    let anyHigh = 0
    this.#high = 0
    if (buffer[at] !== OPEN) return -1
    at++
    if (buffer[at] === CLOSE) return at + 1
    for (;;) {
      if (buffer[at] !== QUOTE) return -1
      const nameStart = ++at
      let c = buffer[at]!
      let index: number
      if (buffer[at + 1] === QUOTE && c > QUOTE && c < 0x7f && c !== BACKSLASH) {
        at++
        index = letters[c]!
      } else {
        while (at < end && (c = buffer[at]!) !== QUOTE) {
          if (c === BACKSLASH || c < 0x20) return -1
          anyHigh |= c
          at++
        }
        index = names.find(buffer, nameStart, at)
      }
      if (buffer[at + 1] !== COLON || buffer[at + 2] !== QUOTE) return -1
      at += 3
      const valueStart = at
      let textHigh = 0
      // No look at `end` here: a text that runs over it is found out at the end of the header.
      while (PLAIN[(c = buffer[at]!)] === 1) at++
      if (c >= 0x80) {
        while (at < end && (c = buffer[at]!) !== QUOTE && c !== BACKSLASH) {
          if (c < 0x20) return -1
          textHigh |= c
          at++
        }
      } else if (c < 0x20) return -1
      if (c === BACKSLASH) {
        const textStart = this.#unescape(buffer, valueStart, at, end)
        if (textStart < 0) return -1
        at = this.#at
        textHigh |= this.#high
        if (index >= 0) {
          if (starts[index] !== -1) return -1
          starts[index] = textStart
          ends[index] = slab.position
          escaped[index] = 1
          high[index] = textHigh
        }
      } else if (index >= 0) {
        if (starts[index] !== -1) return -1
        starts[index] = valueStart
        ends[index] = at
        escaped[index] = 0
        high[index] = textHigh
      }
      anyHigh |= textHigh
      at++
      if (buffer[at] === COMMA) at++
      else break
    }
    if (buffer[at] !== CLOSE) return -1
    this.#high = anyHigh
    return at + 1
  }

  /**
   * Copies a text whose first escape is at `at` to the slab, without the escapes. Returns where it starts there; it ends at
   * `slab.position`, and `#at` is on the closing quote.
   */
  #unescape(buffer: Buffer, valueStart: number, at: number, end: number): number {
    if (at >= end) return -1
    ensureSlab(end - valueStart)
    const into = slab.buffer
    // A slab that filled up between two texts of one header would need two references: such a header is unusual enough.
    if (this.slab !== into) {
      for (let i = 0; i < this.starts.length; i++) if (this.starts[i] !== -1 && this.escaped[i] === 1) return -1
      this.slab = into
    }
    const textStart = slab.position
    let to = textStart
    for (let i = valueStart; i < at; i++) into[to++] = buffer[i]!
    let c = 0
    let high = 0
    while (at < end && (c = buffer[at]!) !== QUOTE) {
      if (PLAIN[c] === 1) {
        into[to++] = c
        at++
        continue
      }
      if (c < 0x20) return -1
      if (c !== BACKSLASH) {
        high |= c
        into[to++] = c
        at++
        continue
      }
      const kind = buffer[at + 1]!
      if (kind === 0x75) {
        // \u00XX
        if (at + 6 > end || buffer[at + 2] !== ZERO || buffer[at + 3] !== ZERO) return -1
        const value = (hex(buffer[at + 4]!) << 4) | hex(buffer[at + 5]!)
        if (value < 0 || value > 0x7f) return -1
        into[to++] = value
        at += 6
        continue
      }
      const value = unescaped(kind)
      if (value < 0) return -1
      into[to++] = value
      at += 2
    }
    slab.position = to
    this.#at = at
    this.#high = high
    return textStart
  }

  #binary(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < BINARY_FIXED_BYTES + 8) return false
    const remarkStart = start + BINARY_FIXED_BYTES + 4
    const remarkLength = int32(buffer, remarkStart - 4)
    if (remarkLength < 0 || remarkLength > end - 4 - remarkStart) return false
    let at = remarkStart + remarkLength + 4
    const extLength = int32(buffer, at - 4)
    if (extLength < 0 || extLength > end - at) return false
    this.code = ((buffer[start]! << 24) >> 16) | buffer[start + 1]!
    this.language = languageOfCode(buffer[start + 2]!)
    this.version = ((buffer[start + 3]! << 24) >> 16) | buffer[start + 4]!
    this.opaque = int32(buffer, start + 5)
    this.flag = int32(buffer, start + 9)
    for (let i = remarkStart; i < remarkStart + remarkLength; i++) if (buffer[i]! > 0x7f) return false
    const { starts, ends, escaped, high } = this
    const extEnd = at + extLength
    while (at < extEnd) {
      if (extEnd - at < 6) return false
      const nameStart = at + 2
      const nameEnd = nameStart + ((buffer[at]! << 8) | buffer[at + 1]!)
      const valueStart = nameEnd + 4
      if (valueStart > extEnd) return false
      const valueLength = int32(buffer, nameEnd)
      if (valueLength < 0 || valueLength > extEnd - valueStart) return false
      at = valueStart + valueLength
      for (let i = nameStart; i < nameEnd; i++) if (buffer[i]! > 0x7f) return false
      let textHigh = 0
      for (let i = valueStart; i < at; i++) textHigh |= buffer[i]!
      if ((textHigh & TEXT_BEYOND_ASCII) !== 0 && !isUtf8(buffer.subarray(valueStart, at))) return false
      const index = this.#names.find(buffer, nameStart, nameEnd)
      // A text of length zero counts as absent.
      if (index < 0 || valueLength === 0) continue
      if (starts[index] !== -1) return false
      starts[index] = valueStart
      ends[index] = at
      escaped[index] = 0
      high[index] = textHigh
    }
    return true
  }
}

function int32(buffer: Uint8Array, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
}

/** Negative when it is no hexadecimal digit. */
function hex(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The byte that a short escape stands for; negative when it is none of JSON's. */
function unescaped(kind: number): number {
  switch (kind) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
      return kind
    case 0x62:
      return 8
    case 0x66:
      return 12
    case 0x6e:
      return 10
    case 0x72:
      return 13
    case 0x74:
      return 9
    default:
      return -1
  }
}
