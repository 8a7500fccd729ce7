import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { encodeCommand, type RemotingCommand } from '../command.ts'
import { FieldError, MalformedError } from '../errors.ts'
import { type Frame, FrameDecoder, type SerializeType } from '../frame.ts'
import { type Language, languageCodes } from '../language.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const int16 = fc.integer({ min: -0x8000, max: 0x7fff })
/** No lone surrogates: UTF-8 has no bytes for them. */
export const text = fc.string({
  unit: fc.constantFrom('a', 'B', '7', ' ', '"', '\\', '\u0001', '\u0002', 'é', '名', '😀', '\ufffd', '/', '%'),
})
export const someText = text.filter(value => value !== '')

/** Any command that both forms can carry. */
export const anyCommand: fc.Arbitrary<RemotingCommand> = fc.record({
  code: int16,
  language: fc.constantFrom(...(Object.keys(languageCodes) as Language[])),
  version: int16,
  opaque: int32,
  flag: int32,
  remark: fc.option(someText, { nil: undefined }),
  extFields: fc.dictionary(fc.oneof(someText, fc.constantFrom('__proto__', 'constructor', 'a')), someText, {
    noNullPrototype: true,
  }),
  body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
})

export const anySerializeType = fc.constantFrom<SerializeType>('JSON', 'ROCKETMQ')

export function frameOf(bytes: Buffer): Frame {
  const decoder = new FrameDecoder()
  decoder.push(bytes)
  const frame = decoder.next()
  if (frame === undefined) throw new Error(`${bytes.length} bytes are no whole frame`)
  return frame
}

export const frameOfCommand = (command: RemotingCommand, type: SerializeType): Frame =>
  frameOf(encodeCommand(command, type))

/** A frame around header bytes that nobody checked. */
export function frameOfHeader(header: Uint8Array, type: SerializeType, body: Uint8Array = Buffer.alloc(0)): Frame {
  const buffer = Buffer.concat([Buffer.from('before'), header, body, Buffer.from('"}{behind')])
  const headerStart = 6
  const headerEnd = headerStart + header.length
  return { buffer, serializeType: type, headerStart, headerEnd, end: headerEnd + body.length }
}

/** What a call returned, or what it threw; anything but our two errors is thrown on. */
export function outcome<T>(call: () => T): { value: T } | { error: string } {
  try {
    return { value: call() }
  } catch (error) {
    if (error instanceof MalformedError || error instanceof FieldError)
      return { error: `${error.name}: ${error.message}` }
    throw error
  }
}

/** Bytes near valid ones: some changed, some cut off, some put in. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('change', 'insert', 'remove', 'cut'),
    byte: fc.oneof(fc.constantFrom(...Buffer.from('"\\{}:,u0-9eE. \n\u0001')), fc.integer({ min: 0, max: 255 })),
  })
  return fc.tuple(bytes, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([original, edits]) => {
    const list = [...original]
    for (const { at, kind, byte } of edits) {
      const index = list.length === 0 ? 0 : at % list.length
      if (kind === 'change') list[index] = byte
      else if (kind === 'insert') list.splice(index, 0, byte)
      else if (kind === 'remove') list.splice(index, 1)
      else list.length = index
    }
    return Buffer.from(list)
  })
}
