import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MalformedError } from '../errors.ts'
import { countBatchItems, decodeBatch, encodeBatch } from './batch.ts'

const bytes = fc.uint8Array({ maxLength: 100 }).map(array => Buffer.from(array))
const item = fc.record({ flag: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), body: bytes, properties: bytes })

test('a batch comes back as it was written', () => {
  fc.assert(fc.property(fc.array(item), items => expect(decodeBatch(encodeBatch(items))).toEqual(items)))
})

test('a cut or changed batch is read wholly or refused with a MalformedError', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1 }), fc.nat(), fc.nat(255), fc.nat(), (items, at, value, end) => {
      const body = encodeBatch(items)
      body[at % body.length] = value
      const cut = body.subarray(0, end % (body.length + 1))
      try {
        expect(encodeBatch(decodeBatch(cut)).length).toBe(cut.length)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a refusal names the message and its place', () => {
  const body = encodeBatch([
    { flag: 0, body: Buffer.from('a'), properties: Buffer.alloc(0) },
    { flag: 0, body: Buffer.from('b'), properties: Buffer.alloc(0) },
  ])
  body.writeInt32BE(1000, 23)
  expect(() => countBatchItems(body)).toThrow(
    'batch message 1 at byte 23 of 46: totalSize 1000 is not from 22 to the 23 left',
  )
  body.writeInt32BE(23, 23)
  body.writeInt32BE(-1, 23 + 16)
  expect(() => countBatchItems(body)).toThrow('body length -1 is not from 0 to 1')
})

test('nothing is visited of a batch whose end is broken', () => {
  const body = Buffer.concat([
    encodeBatch([{ flag: 0, body: Buffer.from('a'), properties: Buffer.alloc(0) }]),
    Buffer.alloc(3),
  ])
  expect(() => decodeBatch(body)).toThrow('3 bytes are left, and a message takes at least 22')
})
