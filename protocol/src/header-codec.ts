import type { ExtFields } from './command.ts'
import type { Fields, InputOf, ValuesOf } from './fields.ts'

/** A request's header fields between extFields and typed values. */
export interface HeaderCodec<F extends Fields> {
  /** Names that no field has are ignored. Throws FieldError. */
  decode(ext: ExtFields): ValuesOf<F>
  /** Adds the fields to `ext` (a new object unless given) and returns it. Throws FieldError. */
  encode(values: InputOf<F>, ext?: Record<string, string>): Record<string, string>
}

interface Entry {
  readonly key: string
  readonly wireName: string
  readonly field: Fields[string]
}

const COMPILED = new WeakMap<Fields, HeaderCodec<any>>()

/** The codec of a declaration's fields; made once for each `fields` object. */
export function compileHeader<F extends Fields>(fields: F): HeaderCodec<F> {
  let codec = COMPILED.get(fields)
  if (codec === undefined) {
    codec = compile(fields)
    COMPILED.set(fields, codec)
  }
  return codec
}

function compile<F extends Fields>(fields: F): HeaderCodec<F> {
  const entries: readonly Entry[] = Object.keys(fields).map(key => {
    const field = fields[key]!
    return { key, wireName: field.wireName ?? key, field }
  })
  return {
    decode(ext) {
      const values: Record<string, unknown> = {}
      for (const { key, wireName, field } of entries) {
        const text = ext[wireName]
        values[key] = field.decode(typeof text === 'string' ? text : undefined, key)
      }
      return values as ValuesOf<F>
    },
    encode(values, ext = {}) {
      for (const { key, wireName, field } of entries) {
        const text = field.encode((values as Record<string, unknown>)[key], key)
        if (text !== undefined) ext[wireName] = text
      }
      return ext
    },
  }
}
