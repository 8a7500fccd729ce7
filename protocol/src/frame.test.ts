import { Buffer } from 'node:buffer'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeCommand } from './command.ts'
import { MalformedError } from './errors.ts'
import { FrameDecoder, frameBody, frameBytes } from './frame.ts'
import { anyCommand, anySerializeType } from './testing/commands.ts'

/** A frame of JSON type with a header of `headerLength` bytes whose length field says `length`. */
function prefix(length: number, word: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(length, 0)
  bytes.writeInt32BE(word, 4)
  return bytes
}

function take(decoder: FrameDecoder): Buffer[] {
  const frames: Buffer[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next())
    frames.push(Buffer.from(frame.buffer.subarray(frame.end - frameBytes(frame), frame.end)))
  return frames
}

describe('FrameDecoder', () => {
  test('cuts the same frames whatever the pieces are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyCommand, anySerializeType), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }),
        (commands, sizes) => {
          const frames = commands.map(([command, type]) => encodeCommand(command, type))
          const stream = Buffer.concat(frames)
          const decoder = new FrameDecoder()
          const found: Buffer[] = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length]!
            decoder.push(stream.subarray(at, at + size))
            at += size
            found.push(...take(decoder))
          }
          expect(found).toEqual(frames)
          expect(decoder.pendingBytes).toBe(0)
        },
      ),
    )
  })

  test('one byte at a time', () => {
    const frame = Buffer.concat([prefix(9, 3), Buffer.from('abcde')])
    const decoder = new FrameDecoder()
    for (let i = 0; i < frame.length - 1; i++) {
      decoder.push(frame.subarray(i, i + 1))
      expect(decoder.next()).toBeUndefined()
      expect(decoder.pendingBytes).toBe(i + 1)
    }
    decoder.push(frame.subarray(-1))
    const found = decoder.next()!
    expect(found.buffer.toString('utf8', found.headerStart, found.headerEnd)).toBe('abc')
    expect(frameBody(found)!.toString()).toBe('de')
  })

  test('a frame within one chunk is a view of it', () => {
    const chunk = Buffer.concat([prefix(6, 2), Buffer.from('{}'), prefix(6, 2), Buffer.from('{}')])
    const decoder = new FrameDecoder()
    decoder.push(chunk)
    expect(decoder.next()!.buffer).toBe(chunk)
    const second = decoder.next()!
    expect(second.buffer).toBe(chunk)
    expect(second.headerStart).toBe(18)
    expect(frameBody(second)).toBeUndefined()
    expect(decoder.next()).toBeUndefined()
  })

  test('goes on where it was stopped, also when more was pushed', () => {
    const frame = Buffer.concat([prefix(6, 2), Buffer.from('{}')])
    const decoder = new FrameDecoder()
    decoder.push(Buffer.concat([frame, frame]))
    expect(decoder.next()).toBeDefined()
    decoder.push(frame)
    expect(take(decoder)).toEqual([frame, frame])
  })

  test('gathers a large frame in time linear in its size', () => {
    const size = 8 * 1024 * 1024
    const stream = Buffer.concat([prefix(size - 4, 2), Buffer.alloc(size - 8)])
    const decoder = new FrameDecoder()
    const started = process.hrtime.bigint()
    let frames = 0
    for (let at = 0; at < size; at += 100) {
      decoder.push(stream.subarray(at, at + 100))
      if (decoder.next() !== undefined) frames++
    }
    expect(frames).toBe(1)
    // Quadratic copying would move 340 GB here.
    expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(10)
  })

  test('a liar costs what it sends, not what it claims', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new FrameDecoder()
      decoder.push(prefix(16_000_000, 100))
      decoder.next()
      return decoder
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 16 * 1024)
    expect(decoders.length).toBe(200)
  })

  test.each([
    ['negative', prefix(-1, 0), 'frame length -1 is not from 4 to 16777212'],
    ['zero', prefix(0, 0), 'frame length 0 is not from 4 to 16777212'],
    ['too short', prefix(3, 0), 'frame length 3 is not from 4 to 16777212'],
    ['oversized', prefix(16_777_213, 0), 'frame length 16777213 is not from 4 to 16777212'],
    ['header beyond frame', prefix(10, 7), 'header length 7 exceeds the 6 bytes of its frame'],
    ['unknown serialize type', prefix(10, 0x0200_0001), 'serialize type 2 is neither 0 (JSON) nor 1 (ROCKETMQ)'],
  ])('refuses %s', (_, bytes, sentence) => {
    const whole = new FrameDecoder()
    whole.push(bytes)
    expect(() => whole.next()).toThrow(new MalformedError(sentence))
    const pieces = new FrameDecoder()
    expect(() => {
      for (const byte of bytes) {
        pieces.push(Buffer.from([byte]))
        pieces.next()
      }
    }).toThrow(new MalformedError(sentence))
  })

  test('the limit is the whole frame, as in Apache', () => {
    const decoder = new FrameDecoder(100)
    decoder.push(Buffer.concat([prefix(96, 2), Buffer.alloc(92)]))
    expect(decoder.next()).toBeDefined()
    decoder.push(prefix(97, 2))
    expect(() => decoder.next()).toThrow('frame length 97 is not from 4 to 96')
  })

  test('random bytes are cut or refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 }), pieces => {
        const decoder = new FrameDecoder(64)
        try {
          for (const piece of pieces) {
            decoder.push(Buffer.from(piece))
            for (const frame of take(decoder)) expect(frame.length).toBeLessThanOrEqual(64)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
