import { bytesEqual } from './bytes.ts'

// name 0x01 value 0x02 name 0x01 value 0x02 …  (MessageDecoder.java). Java always writes the last 0x02 and accepts its absence.
const NAME_END = 1
const PAIR_END = 2

/** Properties of one record take a signed short for their length. */
export const MAX_PROPERTIES_LENGTH = 32767

const NOTHING = Buffer.alloc(0)

/**
 * Calls `visit` for each pair that Java's parser would accept: at least three bytes, with a name and a value that are
 * not empty. Others are skipped without a word, as there. Positions are absolute.
 */
function eachPair(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (nameStart: number, nameEnd: number, valueEnd: number, pairEnd: number) => void,
): void {
  let pairStart = start
  while (pairStart < end) {
    let split = -1
    let at = pairStart
    for (; at < end; at++) {
      const byte = bytes[at]
      if (byte === PAIR_END) break
      if (byte === NAME_END && split < 0) split = at
    }
    if (split > pairStart && split < at - 1) visit(pairStart, split, at, Math.min(at + 1, end))
    pairStart = at + 1
  }
}

/** A map in the order of the text; of pairs with one name the last wins, as in Java. */
export function decodeProperties(bytes: Buffer, start = 0, end = bytes.length): Map<string, string> {
  const map = new Map<string, string>()
  eachPair(bytes, start, end, (nameStart, nameEnd, valueEnd) => {
    map.set(bytes.toString('utf8', nameStart, nameEnd), bytes.toString('utf8', nameEnd + 1, valueEnd))
  })
  return map
}

export function parseProperties(text: string): Map<string, string> {
  return decodeProperties(Buffer.from(text, 'utf8'))
}

/** What `printProperties` and its like accept. */
export type PropertyEntries = Iterable<readonly [string, string]> | Readonly<Record<string, string | undefined>>

function* entriesOf(properties: PropertyEntries): Iterable<readonly [string, string | undefined]> {
  if (Symbol.iterator in properties) yield* properties as Iterable<readonly [string, string]>
  else yield* Object.entries(properties)
}

/**
 * The text of `properties`. Pairs with an empty name or value are left out: they would not survive being read.
 * Throws RangeError when a name or value holds one of the two separators, which would forge other properties.
 */
export function printProperties(properties: PropertyEntries): string {
  let text = ''
  for (const [name, value] of entriesOf(properties)) {
    if (name === '' || value === '' || value === undefined) continue
    const problem = propertyProblem(name, value)
    if (problem) throw new RangeError(problem)
    text += `${name}\u0001${value}\u0002`
  }
  return text
}

export function encodeProperties(properties: PropertyEntries): Buffer {
  const text = printProperties(properties)
  return text === '' ? NOTHING : Buffer.from(text, 'utf8')
}

/** Why this pair cannot be written, or undefined. A value may hold 0x01, as Java looks for the first one only. */
export function propertyProblem(name: string, value: string): string | undefined {
  if (name.includes('\u0001') || name.includes('\u0002'))
    return `property name ${JSON.stringify(name)} contains the separator \\u0001 or \\u0002`
  if (value.includes('\u0002')) return `property ${name}: ${JSON.stringify(value)} contains the separator \\u0002`
  return undefined
}

/**
 * Finds a fixed set of properties in one pass over the encoded bytes, without a map, a string or any other allocation.
 * One finder serves one caller at a time: `scan` overwrites what the last one found.
 *
 *     const found = new PropertyFinder('TAGS', 'KEYS')
 *     found.scan(bytes, start, end)
 *     if (found.has(0)) tagsCode = javaHashUtf8(bytes, found.starts[0], found.ends[0])
 */
export class PropertyFinder {
  /** Where each value begins, in the order of the constructor's names; -1 when absent. Absolute positions. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly #names: readonly Buffer[]
  /** Bit n: some wanted name has n bytes (names beyond 30 share bit 31). Spares the comparison of most others. */
  readonly #lengths: number

  constructor(...names: string[]) {
    this.#names = names.map(name => Buffer.from(name, 'utf8'))
    this.#lengths = this.#names.reduce((bits, name) => bits | (1 << Math.min(name.length, 31)), 0)
    this.starts = new Int32Array(names.length).fill(-1)
    this.ends = new Int32Array(names.length).fill(-1)
  }

  scan(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.starts.fill(-1)
    this.ends.fill(-1)
    let pairStart = start
    while (pairStart < end) {
      let split = -1
      let at = pairStart
      for (; at < end; at++) {
        const byte = bytes[at]!
        if (byte === PAIR_END) break
        if (byte === NAME_END && split < 0) split = at
      }
      if (split > pairStart && split < at - 1) this.#match(bytes, pairStart, split, at)
      pairStart = at + 1
    }
  }

  #match(bytes: Uint8Array, nameStart: number, nameEnd: number, valueEnd: number): void {
    const length = nameEnd - nameStart
    if (((this.#lengths >>> Math.min(length, 31)) & 1) === 0) return
    const names = this.#names
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      if (name.length === length && bytesEqual(bytes, nameStart, name)) {
        this.starts[i] = nameEnd + 1
        this.ends[i] = valueEnd
        return
      }
    }
  }

  has(index: number): boolean {
    return this.starts[index]! >= 0
  }

  /** The value as text, undefined when absent. `bytes` is what was scanned. */
  text(bytes: Buffer, index: number): string | undefined {
    const start = this.starts[index]!
    return start < 0 ? undefined : bytes.toString('utf8', start, this.ends[index])
  }
}

/** One property of encoded bytes. To look for several, or often, keep a PropertyFinder. */
export function findProperty(bytes: Buffer, name: string, start = 0, end = bytes.length): string | undefined {
  const finder = new PropertyFinder(name)
  finder.scan(bytes, start, end)
  return finder.text(bytes, 0)
}

/** `bytes` followed by one more pair; `bytes` may lack its last separator. Does not look for the name in `bytes`. */
export function appendProperty(bytes: Buffer, name: string, value: string): Buffer {
  const pair = encodeProperties([[name, value]])
  if (bytes.length === 0) return pair
  if (bytes[bytes.length - 1] === PAIR_END) return Buffer.concat([bytes, pair])
  return Buffer.concat([bytes, Buffer.from([PAIR_END]), pair])
}

/** Without any pair of that name; the same buffer when there is none. Other bytes stay as they are. */
export function deleteProperty(bytes: Buffer, name: string): Buffer {
  const wanted = Buffer.from(name, 'utf8')
  const kept: Buffer[] = []
  let from = 0
  eachPair(bytes, 0, bytes.length, (nameStart, nameEnd, _valueEnd, pairEnd) => {
    if (nameEnd - nameStart !== wanted.length || !bytesEqual(bytes, nameStart, wanted)) return
    if (nameStart > from) kept.push(bytes.subarray(from, nameStart))
    from = pairEnd
  })
  if (from === 0) return bytes
  if (from < bytes.length) kept.push(bytes.subarray(from))
  return Buffer.concat(kept)
}

/** With exactly one pair of that name, at the end. */
export function setProperty(bytes: Buffer, name: string, value: string): Buffer {
  return appendProperty(deleteProperty(bytes, name), name, value)
}
