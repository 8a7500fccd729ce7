import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MalformedError } from '../errors.ts'
import { compress, decompress } from './compression.ts'
import { compressLz4Frame, decompressLz4Frame } from './lz4.ts'
import {
  type CompressionType,
  compressionType,
  isQueued,
  transactionType,
  withCompression,
  withoutCompression,
  withTransactionType,
} from './sys-flag.ts'
import { xxHash32 } from './xxhash32.ts'

const types: CompressionType[] = ['ZLIB', 'LZ4', 'ZSTD']
const bytes = fc.uint8Array({ maxLength: 2000 }).map(array => Buffer.from(array))
const repetitive = fc
  .array(fc.constantFrom('hello ', 'world', '\0\0\0\0\0\0\0\0', 'abcabcabc'), { maxLength: 3000 })
  .map(words => Buffer.from(words.join('')))

describe.each(types)('%s', type => {
  test('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, repetitive), body => expect(decompress(type, compress(type, body))).toEqual(body)),
    )
  })

  test('makes repetitive bodies smaller', () => {
    expect(compress(type, Buffer.alloc(100_000, 'abc')).length).toBeLessThan(2000)
  })

  test('never makes more than is allowed', () => {
    const bomb = compress(type, Buffer.alloc(1_000_000))
    expect(bomb.length).toBeLessThan(10_000)
    expect(() => decompress(type, bomb, 999_999)).toThrow('longer than the 999999 bytes allowed')
    expect(decompress(type, bomb, 1_000_000)).toHaveLength(1_000_000)
  })

  test('answers any bytes with content or a MalformedError', () => {
    const broken = fc.tuple(repetitive, fc.nat(), fc.nat(255)).map(([body, at, value]) => {
      const compressed = Buffer.from(compress(type, body))
      compressed[at % compressed.length] = value
      return compressed
    })
    fc.assert(
      fc.property(fc.oneof(bytes, broken), input => {
        try {
          expect(decompress(type, input, 100_000).length).toBeLessThanOrEqual(100_000)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('LZ4 frames', () => {
  test('span blocks', () => {
    const body = Buffer.alloc(9_000_000)
    for (let i = 0; i < body.length; i++) body[i] = (i * 7 + (i >> 10)) & 255
    expect(decompressLz4Frame(compressLz4Frame(body), body.length).equals(body)).toBe(true)
  })

  test('may follow each other, with skippable ones between', () => {
    const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex')
    const frames = Buffer.concat([
      compressLz4Frame(Buffer.from('one ')),
      skippable,
      compressLz4Frame(Buffer.from('two')),
    ])
    expect(decompressLz4Frame(frames, 100).toString()).toBe('one two')
  })

  test('with linked blocks are read', () => {
    // Second block: a match into the first. Written by hand after lz4_Frame_format.md.
    const descriptor = Buffer.from([0x40, 0x40])
    const first = Buffer.from([0x50, ...Buffer.from('hello')])
    const second = Buffer.from([0x11, 0x21, 0x06, 0x00, 0x50, ...Buffer.from('hello')])
    const size = (n: number) => Buffer.from([n, 0, 0, 0])
    const frame = Buffer.concat([
      Buffer.from([0x04, 0x22, 0x4d, 0x18]),
      descriptor,
      Buffer.from([(xxHash32(descriptor) >>> 8) & 255]),
      size(first.length),
      first,
      size(second.length),
      second,
      size(0),
    ])
    expect(decompressLz4Frame(frame, 100).toString()).toBe('hello!hello' + 'hello')
  })

  test('hash as the specification says', () => {
    expect(xxHash32(Buffer.alloc(0))).toBe(0x02cc5d05)
    expect(xxHash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f)
  })
})

test('sysFlag says how a body is compressed and what part of a transaction it is', () => {
  for (const type of types) {
    const flag = withCompression(0x4, type)
    expect(compressionType(flag)).toBe(type)
    expect(withoutCompression(flag)).toBe(0x4)
  }
  expect(compressionType(1)).toBe('ZLIB')
  expect(compressionType(0x401)).toBeUndefined()
  for (const type of ['NONE', 'PREPARED', 'COMMIT', 'ROLLBACK'] as const) {
    const flag = withTransactionType(0x31f, type)
    expect(transactionType(flag)).toBe(type)
    expect(isQueued(flag)).toBe(type === 'NONE' || type === 'COMMIT')
  }
})
