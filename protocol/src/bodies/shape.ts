import { FieldError, MalformedError } from '../errors.ts'
import {
  JavaDouble,
  type Json,
  type JsonMap,
  type JsonObject,
  type Printable,
  parse,
  print,
  printPretty,
  printStandard,
} from '../json/fastjson.ts'
import type { BodyCodec } from '../request.ts'

/** How one JSON value becomes a typed value and back. `null` and absence are the same, as for Java. */
export interface Shape<T> {
  /** Throws FieldError naming `path`, the value and what is allowed. */
  read(value: Json | undefined, path: string): T
  write(value: T): Printable
  optional(): Shape<T | undefined>
  /** What a missing value is taken for; a function when it must not be shared. */
  default(value: T | (() => T)): Shape<T>
  /** Further names under which a bean's field is read; it is written under its own. */
  alias(...names: string[]): Shape<T>
  readonly aliases: readonly string[]
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never

interface Kind<T> {
  read(value: Json, path: string): T
  write(value: T): Printable
}

/** Text of a value for a sentence: short, whatever a peer sent. */
function shown(value: Json): string {
  if (value instanceof Map || (typeof value === 'object' && value !== null && !Array.isArray(value))) return 'an object'
  if (Array.isArray(value)) return 'a list'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
}

function shape<T>(kind: Kind<T>, absent?: () => T, aliases: readonly string[] = []): Shape<T> {
  return {
    aliases,
    read(value, path) {
      if (value !== undefined && value !== null) return kind.read(value, path)
      if (absent) return absent()
      throw new FieldError(path, 'is required and was not sent')
    },
    write(value) {
      if (value !== undefined && value !== null) return kind.write(value)
      const instead = absent?.()
      return instead === undefined || instead === null ? undefined : kind.write(instead)
    },
    optional: () => shape<T | undefined>(kind as Kind<T | undefined>, () => undefined, aliases),
    default: value => shape(kind, typeof value === 'function' ? (value as () => T) : () => value, aliases),
    alias: (...names) => shape(kind, absent, [...aliases, ...names]),
  }
}

const INTEGER = /^[+-]?\d{1,20}$/

/** fastjson turns numeric text into numbers, and quotes large integers itself (BrowserCompatible). */
function integer(value: Json, path: string, min: bigint, max: bigint): number | bigint {
  let found: number | bigint | undefined
  if (typeof value === 'number' && Number.isInteger(value)) found = value
  else if (typeof value === 'bigint') found = value
  else if (typeof value === 'string' && INTEGER.test(value))
    found = BigInt(value.startsWith('+') ? value.slice(1) : value)
  if (found === undefined || found < min || found > max)
    throw new FieldError(path, `${shown(value)} is not an integer from ${min} to ${max}`)
  return found
}

const INT_MIN = -(2n ** 31n)
const INT_MAX = 2n ** 31n - 1n
const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function entriesOf(value: Json, path: string): Iterable<[Json, Json]> {
  if (value instanceof Map) return value as JsonMap
  if (isObject(value)) return Object.entries(value)
  throw new FieldError(path, `${shown(value)} is not an object`)
}

/** fastjson's WriteNonStringKeyAsString makes an object's JSON text, in quotes, of a key; where text is wanted it is just text. */
function readKey<K>(of: Shape<K>, key: Json, path: string): K {
  if (typeof key !== 'string' || !key.startsWith('{')) return of.read(key, path)
  let object: Json
  try {
    return of.read(key, path)
  } catch (error) {
    try {
      object = parse(key)
    } catch {
      throw error
    }
  }
  return of.read(object, path)
}

/** A Java bean, and as such also a whole body. */
export interface Bean<T> extends Shape<T>, BodyCodec<T> {
  encode(value: T): Buffer
  /** Standard JSON, which any parser reads: keys in quotes (fastjson's BrowserCompatible). */
  encodeStandard(value: T): Buffer
  /** Indented text as in RocketMQ's config files. */
  printPretty(value: T): string
  /** Reads the text of a config file. Throws FieldError. */
  parse(text: string): T
}

type Shapes = Readonly<Record<string, Shape<any>>>
type BeanOf<F extends Shapes> = {
  [K in keyof F as undefined extends TypeOf<F[K]> ? never : K]: TypeOf<F[K]>
} & { [K in keyof F as undefined extends TypeOf<F[K]> ? K : never]?: TypeOf<F[K]> }
type Flat<T> = { [K in keyof T]: T[K] }

/** Makes a body codec of any shape: most bodies are beans, a few are maps or lists. */
export function body<T>(of: Shape<T>): Bean<T> {
  const parseBody = (text: string): T => {
    let json: Json
    try {
      json = parse(text)
    } catch (cause) {
      if (cause instanceof MalformedError) throw new FieldError('body', cause.message)
      throw cause
    }
    return of.read(json, 'body')
  }
  return {
    ...of,
    encode: value => Buffer.from(print(of.write(value)), 'utf8'),
    encodeStandard: value => Buffer.from(printStandard(of.write(value)), 'utf8'),
    printPretty: value => printPretty(of.write(value)),
    decode: bytes => parseBody(bytes.toString('utf8')),
    parse: parseBody,
  }
}

/** Declares the JSON of RocketMQ's bodies. */
export const s = {
  /** Numbers and booleans are taken as their text, as fastjson does. */
  string: (): Shape<string> =>
    shape({
      read(value, path) {
        if (typeof value === 'string') return value
        if (typeof value === 'object') throw new FieldError(path, `${shown(value)} is not text`)
        return String(value)
      },
      write: value => value,
    }),
  /** Java int. */
  int: (): Shape<number> =>
    shape({ read: (value, path) => Number(integer(value, path, INT_MIN, INT_MAX)), write: value => value }),
  /** Java long as a number. Beyond ±(2^53-1) it saturates, as in headers; where each bit counts, use `bigint`. */
  long: (): Shape<number> =>
    shape({
      read(value, path) {
        const found = integer(value, path, LONG_MIN, LONG_MAX)
        if (found > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
        return found < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : Number(found)
      },
      write: value => value,
    }),
  /** Java long without loss. */
  bigint: (): Shape<bigint> =>
    shape({ read: (value, path) => BigInt(integer(value, path, LONG_MIN, LONG_MAX)), write: value => value }),
  double: (): Shape<number> =>
    shape({
      read(value, path) {
        const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
        if (typeof number === 'bigint') return Number(number)
        if (typeof number !== 'number' || Number.isNaN(number))
          throw new FieldError(path, `${shown(value)} is not a number`)
        return number
      },
      write: value => new JavaDouble(value),
    }),
  bool: (): Shape<boolean> =>
    shape({
      read(value, path) {
        if (value === true || value === 'true' || value === 1) return true
        if (value === false || value === 'false' || value === 0) return false
        throw new FieldError(path, `${shown(value)} is not one of true, false`)
      },
      write: value => value,
    }),
  /** byte[]: base64 text; fastjson2 also writes lists of numbers, which are read too. */
  bytes: (): Shape<Buffer> =>
    shape({
      read(value, path) {
        if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) return Buffer.from(value, 'base64')
        if (
          Array.isArray(value) &&
          value.every(byte => typeof byte === 'number' && Number.isInteger(byte) && byte >= -128 && byte <= 255)
        )
          return Buffer.from(value as number[])
        throw new FieldError(path, `${shown(value)} is neither base64 text nor a list of bytes`)
      },
      write: value => value.toString('base64'),
    }),
  /** A Java enum, by its constants' names in Java's order: fastjson also reads ordinals, and the C++ client sends them. */
  oneOf: <const T extends string>(...allowed: T[]): Shape<T> =>
    shape({
      read(value, path) {
        const found = typeof value === 'number' ? allowed[value] : allowed.find(name => name === value)
        if (found === undefined) throw new FieldError(path, `${shown(value)} is not one of ${allowed.join(', ')}`)
        return found
      },
      write: value => value,
    }),
  /** A Java List, array or Set; a Set's order means nothing. */
  list: <T>(of: Shape<T>): Shape<T[]> =>
    shape({
      read(value, path) {
        if (!Array.isArray(value)) throw new FieldError(path, `${shown(value)} is not a list`)
        return value.map((item, i) => of.read(item, `${path}[${i}]`))
      },
      write: value => value.map(item => of.write(item)),
    }),
  /** A Java Map. Keys that are beans are compared by identity: go through the entries. */
  map: <K, V>(key: Shape<K>, of: Shape<V>): Shape<Map<K, V>> =>
    shape({
      read(value, path) {
        const map = new Map<K, V>()
        for (const [name, item] of entriesOf(value, path)) {
          if (item === null) continue
          const text = typeof name === 'string' ? name : print(name)
          map.set(readKey(key, name, `${path} key ${shown(text)}`), of.read(item, `${path}[${shown(text)}]`))
        }
        return map
      },
      write(value) {
        const map = new Map<Printable, Printable>()
        for (const [name, item] of value) map.set(key.write(name), of.write(item))
        return map
      },
    }),
  /** A Java bean: unknown fields are ignored. */
  bean: <const F extends Shapes>(fields: F): Bean<Flat<BeanOf<F>>> => {
    const names = Object.keys(fields)
    return body(
      shape<Flat<BeanOf<F>>>({
        read(value, path) {
          if (!isObject(value)) throw new FieldError(path, `${shown(value)} is not an object`)
          const get = (name: string): Json | undefined => {
            if (value instanceof Map) return (value as JsonMap).get(name)
            return Object.hasOwn(value, name) ? value[name] : undefined
          }
          const bean: Record<string, unknown> = {}
          for (const name of names) {
            const field = fields[name]!
            let found = get(name)
            for (let i = 0; (found === undefined || found === null) && i < field.aliases.length; i++)
              found = get(field.aliases[i]!)
            const read = field.read(found, `${path}.${name}`)
            if (read !== undefined) bean[name] = read
          }
          return bean as Flat<BeanOf<F>>
        },
        write(value) {
          const given = value as Record<string, unknown>
          const printable: Record<string, Printable> = {}
          for (const name of names) printable[name] = fields[name]!.write(given[name])
          return printable
        },
      }),
    )
  },
}

/** A map by name, empty when it is missing: what most Java beans start with. */
export function table<V>(of: Shape<V>): Shape<Map<string, V>> {
  return s.map(s.string(), of).default(() => new Map())
}

/** A list that is empty when it is missing. */
export function items<T>(of: Shape<T>): Shape<T[]> {
  return s.list(of).default(() => [])
}
