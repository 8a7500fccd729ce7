import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BodyBuffers } from './body-buffers.ts'

test('what is gathered is what the pieces are, one behind the other', () => {
  const buffers = new BodyBuffers()
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { maxLength: 40 }), pieces => {
      const whole = Buffer.concat(pieces)
      const gathered = buffers.gather(pieces, whole.length)
      if (!gathered) return pieces.length < 2 || whole.length > 64 * 1024
      const same = gathered.subarray(0, whole.length).equals(whole)
      buffers.free(gathered)
      return same
    }),
  )
})

test('few big pieces are not copied', () => {
  const piece = new Uint8Array(20_000)
  expect(new BodyBuffers().gather([piece, piece], 40_000)).toBeUndefined()
})

test('a buffer that is still being sent is not given out again', () => {
  const buffers = new BodyBuffers()
  const pieces = [Buffer.from('one'), Buffer.from('two')]
  const first = buffers.gather(pieces, 6)!
  const second = buffers.gather(pieces, 6)!
  expect(second).not.toBe(first)
  buffers.free(first)
  expect(buffers.gather(pieces, 6)).toBe(first)
})
