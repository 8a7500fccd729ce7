import { getBigLong, getInt, getLong, getShort, putBigLong, putInt, putLong, putShort } from './bytes.ts'

/** One fixed-width value. `write` is given a value in range; what does not fit is refused by `Layout.write`. */
export interface FieldType<T> {
  readonly size: number
  read(bytes: Uint8Array, at: number): T
  write(bytes: Uint8Array, at: number, value: T): void
  /** What is allowed, for the sentence of a refusal; undefined when `value` is fine. */
  problem(value: T): string | undefined
}

function integer(
  size: number,
  min: number,
  max: number,
  read: FieldType<number>['read'],
  write: FieldType<number>['write'],
): FieldType<number> {
  return {
    size,
    read,
    write,
    problem: value =>
      Number.isInteger(value) && value >= min && value <= max ? undefined : `is not an integer from ${min} to ${max}`,
  }
}

/** Java byte. */
export const i8 = integer(
  1,
  -128,
  127,
  (bytes, at) => (bytes[at]! << 24) >> 24,
  (bytes, at, value) => void (bytes[at] = value),
)
export const u8 = integer(
  1,
  0,
  255,
  (bytes, at) => bytes[at]!,
  (bytes, at, value) => void (bytes[at] = value),
)
/** Java short. */
export const i16 = integer(2, -32768, 32767, getShort, putShort)
/** Java int. */
export const i32 = integer(4, -(2 ** 31), 2 ** 31 - 1, getInt, putInt)
/** Java long as a number: offsets, sizes and times. Exact within ±(2^53-1); only such values are written. */
export const i64 = integer(8, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, getLong, putLong)
/** Java long where each of the 64 bits counts. */
export const big64: FieldType<bigint> = {
  size: 8,
  read: getBigLong,
  write: putBigLong,
  problem: value =>
    BigInt.asIntN(64, value) === value ? undefined : `is not an integer from ${-(2n ** 63n)} to ${2n ** 63n - 1n}`,
}

export type FieldTypes = Readonly<Record<string, FieldType<any>>>
export type ValuesOfLayout<F extends FieldTypes> = { [K in keyof F]: F[K] extends FieldType<infer T> ? T : never }

/** A fixed-width, big-endian record described by a table. */
export interface Layout<F extends FieldTypes> {
  /** Bytes one record takes. */
  readonly size: number
  /** Byte offset of each field from the record's start. */
  readonly offsets: { readonly [K in keyof F]: number }
  /** Throws RangeError when fewer than `size` bytes follow `at`: a caller's mistake, not a peer's. */
  read(bytes: Uint8Array, at?: number): ValuesOfLayout<F>
  /** Throws RangeError naming the field when a value does not fit. Nothing is written then. */
  write(bytes: Uint8Array, at: number, values: ValuesOfLayout<F>): void
  /** A new buffer holding one record. */
  encode(values: ValuesOfLayout<F>): Buffer
  /** One field of the record that starts at `at`. */
  get<K extends keyof F>(bytes: Uint8Array, at: number, name: K): ValuesOfLayout<F>[K]
}

/** Fixed-width records read like the picture in RocketMQ's own comments: the order of the table is the order of the bytes. */
export function layout<const F extends FieldTypes>(fields: F): Layout<F> {
  const names = Object.keys(fields)
  const types = names.map(name => fields[name]!)
  const starts: number[] = []
  let size = 0
  for (const type of types) {
    starts.push(size)
    size += type.size
  }
  const offsets = Object.fromEntries(names.map((name, i) => [name, starts[i]!])) as { [K in keyof F]: number }

  const checkRange = (bytes: Uint8Array, at: number) => {
    if (!(at >= 0 && at + size <= bytes.length))
      throw new RangeError(`a record of ${size} bytes at ${at} does not lie within ${bytes.length} bytes`)
  }

  const self: Layout<F> = {
    size,
    offsets,
    read(bytes, at = 0) {
      checkRange(bytes, at)
      const values: Record<string, unknown> = {}
      for (let i = 0; i < names.length; i++) values[names[i]!] = types[i]!.read(bytes, at + starts[i]!)
      return values as ValuesOfLayout<F>
    },
    write(bytes, at, values) {
      checkRange(bytes, at)
      const given = values as Record<string, unknown>
      for (let i = 0; i < names.length; i++) {
        const problem = types[i]!.problem(given[names[i]!])
        if (problem !== undefined) throw new RangeError(`field ${names[i]}: ${given[names[i]!]} ${problem}`)
      }
      for (let i = 0; i < names.length; i++) types[i]!.write(bytes, at + starts[i]!, given[names[i]!])
    },
    encode(values) {
      const bytes = Buffer.alloc(size)
      self.write(bytes, 0, values)
      return bytes
    },
    get(bytes, at, name) {
      return fields[name as string]!.read(bytes, at + offsets[name])
    },
  }
  return self
}
