import { FieldError } from './errors.ts'

/** One header field: text on the wire, a typed value in the program. The value `undefined` is absence. */
export interface Field<T> {
  /** The name on the wire when it differs from the key (SEND_MESSAGE_V2 uses single letters). */
  readonly wireName?: string
  /** Throws FieldError naming the field, the value and what is allowed. */
  decode(text: string | undefined, name: string): T
  encode(value: T, name: string): string | undefined
  optional(): Field<T | undefined>
  default(value: T): Field<T>
  as(wireName: string): Field<T>
}

export type Fields = Readonly<Record<string, Field<any>>>
export type ValuesOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never }
/** What a caller must give: fields with a default or optional ones may be left out. */
export type InputOf<F extends Fields> = Partial<ValuesOf<F>>

/** How one kind of value is read and printed. `parse` throws FieldError. */
export interface Codec<T> {
  parse(text: string, name: string): T
  print(value: T): string
}

/** Makes a field of a kind that `f` does not have; `absent` is what a missing text means. */
export function field<T>(codec: Codec<T>, absent?: { value: T | undefined }, wireName?: string): Field<T> {
  return {
    wireName,
    decode(text, name) {
      if (text === undefined) {
        if (absent) return absent.value as T
        throw new FieldError(name, 'is required and was not sent')
      }
      return codec.parse(text, name)
    },
    encode(value, name) {
      if (value !== undefined && value !== null) return codec.print(value)
      if (!absent) throw new FieldError(name, 'is required and was not given')
      return absent.value === undefined ? undefined : codec.print(absent.value)
    },
    optional: () => field<T | undefined>(codec as Codec<T | undefined>, { value: undefined }, wireName),
    default: value => field(codec, { value }, wireName),
    as: name => field(codec, absent, name),
  }
}

const INTEGER = /^[+-]?\d{1,20}$/

function integer(text: string, name: string, min: bigint, max: bigint): bigint {
  const value = INTEGER.test(text) ? BigInt(text.startsWith('+') ? text.slice(1) : text) : undefined
  if (value === undefined || value < min || value > max)
    throw new FieldError(name, `${JSON.stringify(text.slice(0, 40))} is not an integer from ${min} to ${max}`)
  return value
}

const INT_MAX = 2 ** 31 - 1

const intCodec: Codec<number> = {
  parse(text, name) {
    const value =
      text.length < 11 && INTEGER.test(text) ? Number(text) : Number(integer(text, name, -(2n ** 31n), 2n ** 31n - 1n))
    if (value <= INT_MAX && value >= -INT_MAX - 1) return value + 0
    throw new FieldError(name, `${JSON.stringify(text)} is not an integer from ${-INT_MAX - 1} to ${INT_MAX}`)
  },
  print: String,
}

const longCodec: Codec<number> = {
  parse(text, name) {
    if (text.length < 16 && INTEGER.test(text)) return Number(text) + 0
    const value = integer(text, name, -(2n ** 63n), 2n ** 63n - 1n)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
    if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER
    return Number(value)
  },
  print: value => String(Math.trunc(value)),
}

/** Declares header fields. All travel as text in extFields (RemotingCommand.java#makeCustomHeaderToNet). */
export const f = {
  string: (): Field<string> => field({ parse: text => text, print: value => value }),
  /** Java int. */
  int: (): Field<number> => field(intCodec),
  /**
   * Java long as a number. Beyond ±(2^53-1) it saturates: such values only occur as "no limit" (Long.MAX_VALUE),
   * and no offset or time of day gets there. Where each of the 64 bits counts, use `bigint`.
   */
  long: (): Field<number> => field(longCodec),
  bigint: (): Field<bigint> =>
    field({ parse: (text, name) => integer(text, name, -(2n ** 63n), 2n ** 63n - 1n), print: String }),
  /** Java Boolean.parseBoolean: "true" in any case is true, all else false. */
  bool: (): Field<boolean> => field({ parse: text => text.toLowerCase() === 'true', print: String }),
  oneOf: <const T extends string>(...allowed: T[]): Field<T> =>
    field({
      parse(text, name) {
        const found = allowed.find(value => value === text)
        if (found === undefined)
          throw new FieldError(name, `${JSON.stringify(text.slice(0, 40))} is not one of ${allowed.join(', ')}`)
        return found
      },
      print: value => value,
    }),
}
