import { Buffer } from 'node:buffer'
import { expect, test } from '@jest/globals'
import { encodeCommand, type Frame, FrameDecoder } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { peekCode, peekIsResponse } from './peek.ts'

function frame(bytes: Buffer): Frame {
  const decoder = new FrameDecoder()
  decoder.push(bytes)
  return decoder.next()!
}

test('a peek agrees with the whole header, whatever is in it', () =>
  fc.assert(
    fc.property(
      fc.constantFrom('JSON' as const, 'ROCKETMQ' as const),
      fc.integer({ min: 0, max: 30_000 }),
      fc.constantFrom(0, 1, 2, 3),
      fc.option(fc.oneof(fc.string(), fc.constant('"flag":1,')), { nil: undefined }),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('flag', 'code')),
        fc.oneof(fc.string(), fc.constant('"flag":1}')),
      ),
      (serializeType, code, flag, remark, extFields) => {
        const seen = frame(
          encodeCommand(
            { code, language: 'JAVA', version: 1, opaque: 5, flag, remark, extFields, body: Buffer.alloc(9) },
            serializeType,
          ),
        )
        expect(peekCode(seen)).toBe(code)
        expect(peekIsResponse(seen)).toBe((flag & 1) === 1)
      },
    ),
  ))

test('another order of members: the code is not guessed, the flag is right', () => {
  const header = '{"flag":1, "opaque":7,"code":11,"extFields":{"flag":"0"}}'
  const bytes = Buffer.alloc(8 + header.length)
  bytes.writeInt32BE(4 + header.length, 0)
  bytes.writeInt32BE(header.length, 4)
  bytes.write(header, 8)
  expect(peekCode(frame(bytes))).toBeUndefined()
  expect(peekIsResponse(frame(bytes))).toBe(true)
})
