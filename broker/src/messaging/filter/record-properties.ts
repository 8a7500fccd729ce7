import { recordPropertiesAt } from '@rocketcluster/protocol'

/** NAME_VALUE_SEPARATOR and PROPERTY_SEPARATOR of MessageDecoder.java. */
const NAME_END = 1
const VALUE_END = 2

const ABSENT = -1

/**
 * Finds some properties of a message in the bytes of its record, in one pass and without making strings of those that
 * nobody reads. Holds the record of the last `read` until the next one.
 */
export class RecordProperties {
  readonly #names: readonly Buffer[]
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  readonly #texts: (string | undefined)[]
  #bytes: Buffer = Buffer.alloc(0)

  /** Properties are asked for by their index in `names`. */
  constructor(names: readonly string[]) {
    this.#names = names.map(name => Buffer.from(name, 'utf8'))
    this.#starts = new Int32Array(names.length).fill(ABSENT)
    this.#ends = new Int32Array(names.length)
    this.#texts = new Array<string | undefined>(names.length).fill(undefined)
  }

  /** A whole and sound record, as the store reads it. */
  readRecord(record: Uint8Array): void {
    this.read(record, recordPropertiesAt(record, 0), record.length)
  }

  /** The encoded properties between `start` and `end`. Of pairs with one name the last counts (MessageDecoder.java). */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const starts = this.#starts
    for (let i = 0; i < starts.length; i++) {
      starts[i] = ABSENT
      this.#texts[i] = undefined
    }
    let at = start
    while (at < end) {
      let nameEnd = at
      while (nameEnd < end && bytes[nameEnd] !== NAME_END && bytes[nameEnd] !== VALUE_END) nameEnd++
      let valueEnd = nameEnd
      while (valueEnd < end && bytes[valueEnd] !== VALUE_END) valueEnd++
      if (nameEnd > at && valueEnd > nameEnd + 1) this.#note(bytes, at, nameEnd, valueEnd)
      at = valueEnd + 1
    }
  }

  #note(bytes: Uint8Array, at: number, nameEnd: number, valueEnd: number): void {
    const names = this.#names
    const length = nameEnd - at
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      if (name.length !== length) continue
      let same = 0
      while (same < length && bytes[at + same] === name[same]) same++
      if (same < length) continue
      this.#starts[i] = nameEnd + 1
      this.#ends[i] = valueEnd
      return
    }
  }

  has(index: number): boolean {
    return this.#starts[index] !== ABSENT
  }

  text(index: number): string | undefined {
    const start = this.#starts[index]!
    if (start === ABSENT) return undefined
    return (this.#texts[index] ??= this.#bytes.toString('utf8', start, this.#ends[index]))
  }

  /** Whether a property that is there has exactly these bytes. */
  is(index: number, value: Buffer): boolean {
    const start = this.#starts[index]!
    if (this.#ends[index]! - start !== value.length) return false
    const bytes = this.#bytes
    for (let i = 0; i < value.length; i++) if (bytes[start + i] !== value[i]) return false
    return true
  }

  /**
   * The value of a property that is there and is a plain decimal integer of at most `digits` digits, with or without a
   * sign; undefined for anything else, number or not.
   */
  shortInteger(index: number, digits: number): number | undefined {
    const bytes = this.#bytes
    let at = this.#starts[index]!
    const end = this.#ends[index]!
    const sign = bytes[at]
    if (sign === 0x2d || sign === 0x2b) at++
    if (at >= end || end - at > digits) return undefined
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (digit < 0 || digit > 9) return undefined
      value = value * 10 + digit
    }
    return sign === 0x2d ? 0 - value : value
  }
}
