import { MalformedError } from '../errors.ts'
import { resolveReferences } from './references.ts'
import type { Json, JsonMap, JsonObject } from './value.ts'

/** Deeper nesting is refused: no body of RocketMQ comes near, and the parser must not run out of stack. */
export const MAX_DEPTH = 128

/** Sixteen digits in a row may be an integer that a double cannot hold; JSON.parse would round it silently. */
const MAY_BE_UNSAFE = /\d{16}/

/**
 * Parses what fastjson writes and reads: JSON, and also unquoted names, numbers and whole objects as keys, single quotes,
 * surplus commas, comments, references to other parts (`$ref`), and NaN (as null). Empty text is null, as for fastjson.
 * Takes time and memory linear in the text. Throws MalformedError saying where, what was found and what is allowed.
 */
export function parse(text: string): Json {
  const value = parseText(text)
  return text.includes('"$ref"') ? resolveReferences(value) : value
}

function parseText(text: string): Json {
  // Nearly every body is plain JSON, for which the engine's parser is an order of magnitude faster.
  if (!MAY_BE_UNSAFE.test(text) && !isDeep(text)) {
    try {
      return JSON.parse(text) as Json
    } catch {
      // The parser below either understands it or says what is wrong with it.
    }
  }
  return new Parser(text).document()
}

/** Whether the text may nest deeper than MAX_DEPTH; brackets inside strings count too, which only costs speed. */
function isDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) return true
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return false
}

const NUMBER = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const INTEGER = /^[+-]?\d+$/
const IDENTIFIER = /[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff.-]*/y
const PLAIN_STRING = { '"': /[^"\\]*/y, "'": /[^'\\]*/y } as const
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  F: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  0: '\0',
  1: '\x01',
  2: '\x02',
  3: '\x03',
  4: '\x04',
  5: '\x05',
  6: '\x06',
  7: '\x07',
} // prettier-ignore

/** Integers of Java's long range keep all their digits; longer ones never occur and become doubles. */
const MAX_INTEGER_DIGITS = 20

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1
  }

  document(): Json {
    this.#space()
    if (this.#at === this.#text.length) return null
    const value = this.#value()
    this.#space()
    if (this.#at < this.#text.length) this.#fail('the end of the text')
    return value
  }

  #fail(wanted: string): never {
    const found = this.#text.slice(this.#at, this.#at + 12)
    const what = found === '' ? 'the end' : JSON.stringify(found)
    throw new MalformedError(`JSON at character ${this.#at}: expected ${wanted}, found ${what}`)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #space(): void {
    const text = this.#text
    for (;;) {
      const c = text.charCodeAt(this.#at)
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09 || c === 0x0c || c === 0x08) this.#at++
      else if (c === 0x2f) this.#comment()
      else return
    }
  }

  #comment(): void {
    const opening = this.#text.slice(this.#at, this.#at + 2)
    const closing = opening === '//' ? '\n' : opening === '/*' ? '*/' : this.#fail('a value or a comment')
    const end = this.#text.indexOf(closing, this.#at + 2)
    if (end < 0 && closing === '*/') this.#fail('a comment that ends')
    this.#at = end < 0 ? this.#text.length : end + closing.length
  }

  #value(): Json {
    this.#space()
    const c = this.#text[this.#at]
    if (c === '{') return this.#nested(() => this.#object())
    if (c === '[') return this.#nested(() => this.#array())
    if (c === '"' || c === "'") return this.#string(c)
    const number = this.#number()
    if (number !== undefined) return number
    const start = this.#at
    switch (this.#match(IDENTIFIER)) {
      case 'true':
        return true
      case 'false':
        return false
      case 'null':
      case 'undefined':
      case 'NaN':
        return null
    }
    this.#at = start
    return this.#fail('a value')
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) {
      throw new MalformedError(`JSON at character ${this.#at}: nested deeper than the ${MAX_DEPTH} levels allowed`)
    }
    const value = read()
    this.#depth--
    return value
  }

  #number(): number | bigint | undefined {
    const text = this.#match(NUMBER)
    if (text === undefined) return undefined
    // Java's type suffixes, as fastjson accepts them: 10L, 1.5D, 2F.
    if ('LSBFD'.includes(this.#text[this.#at] ?? ' ')) this.#at++
    if (text.length < 16 || text.length > MAX_INTEGER_DIGITS || !INTEGER.test(text)) return Number(text)
    const value = Number(text)
    return Number.isSafeInteger(value) ? value : BigInt(text.startsWith('+') ? text.slice(1) : text)
  }

  #string(quote: '"' | "'"): string {
    const start = this.#at
    this.#at++
    let value = this.#match(PLAIN_STRING[quote])!
    while (this.#text[this.#at] !== quote) {
      if (this.#at >= this.#text.length) {
        this.#at = start
        this.#fail('a string that ends')
      }
      value += this.#escape()
      value += this.#match(PLAIN_STRING[quote])!
    }
    this.#at++
    return value
  }

  #escape(): string {
    const c = this.#text[this.#at + 1] ?? ''
    if (c === 'u' || c === 'x') {
      const digits = c === 'u' ? 4 : 2
      const hex = this.#text.slice(this.#at + 2, this.#at + 2 + digits)
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits) this.#fail(`\\${c} and ${digits} hexadecimal digits`)
      this.#at += 2 + digits
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const value = ESCAPES[c]
    if (value === undefined || c === '') this.#fail('an escape sequence')
    this.#at += 2
    return value!
  }

  /** Skips white space and as many commas as there are: fastjson's AllowArbitraryCommas. */
  #commas(): boolean {
    let any = false
    this.#space()
    while (this.#text[this.#at] === ',') {
      any = true
      this.#at++
      this.#space()
    }
    return any
  }

  #array(): Json[] {
    const items: Json[] = []
    this.#at++
    this.#commas()
    while (this.#text[this.#at] !== ']') {
      items.push(this.#value())
      if (!this.#commas() && this.#text[this.#at] !== ']') this.#fail('"," or "]"')
    }
    this.#at++
    return items
  }

  #object(): JsonObject | JsonMap {
    let object: JsonObject | undefined = {}
    let map: JsonMap | undefined
    this.#at++
    this.#commas()
    while (this.#text[this.#at] !== '}') {
      const key = this.#key()
      this.#space()
      if (this.#text[this.#at] !== ':') this.#fail('":"')
      this.#at++
      const value = this.#value()
      if (object !== undefined && typeof key !== 'string') {
        map = new Map<Json, Json>(Object.entries(object))
        object = undefined
      }
      if (object === undefined) map!.set(key, value)
      else put(object, key as string, value)
      if (!this.#commas() && this.#text[this.#at] !== '}') this.#fail('"," or "}"')
    }
    this.#at++
    return object ?? map!
  }

  #key(): Json {
    const c = this.#text[this.#at]
    if (c === '"' || c === "'") return this.#string(c)
    if (c === '{' || c === '[') return this.#value()
    return this.#number() ?? this.#match(IDENTIFIER) ?? this.#fail('a name or "}"')
  }
}

/** As JSON.parse does it: `__proto__` is a name like any other. */
function put(object: JsonObject, name: string, value: Json): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}
