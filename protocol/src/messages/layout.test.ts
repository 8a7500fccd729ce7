import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { getBigLong, getLong, putBigLong, putLong } from './bytes.ts'
import { big64, i8, i16, i32, i64, layout, u8 } from './layout.ts'

const cqUnit = layout({ commitLogOffset: i64, size: i32, tagsCode: i64 })
const all = layout({ a: i8, b: u8, c: i16, d: i32, e: i64, f: big64 })

test('a layout is a table', () => {
  expect(cqUnit.size).toBe(20)
  expect(cqUnit.offsets).toEqual({ commitLogOffset: 0, size: 8, tagsCode: 12 })
  const bytes = cqUnit.encode({ commitLogOffset: 2 ** 40, size: 3, tagsCode: -1 })
  expect(bytes.toString('hex')).toBe('000001000000000000000003ffffffffffffffff')
  expect(cqUnit.get(bytes, 0, 'tagsCode')).toBe(-1)
})

test('values come back as they were written', () => {
  const values = fc.record({
    a: fc.integer({ min: -128, max: 127 }),
    b: fc.integer({ min: 0, max: 255 }),
    c: fc.integer({ min: -32768, max: 32767 }),
    d: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    e: fc.maxSafeInteger(),
    f: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  })
  fc.assert(fc.property(values, given => expect(all.read(all.encode(given))).toEqual(given)))
})

test('a value that does not fit is refused with its name, and nothing is written', () => {
  const bytes = Buffer.alloc(20)
  expect(() => cqUnit.write(bytes, 0, { commitLogOffset: 5, size: 2 ** 31, tagsCode: 0 })).toThrow(
    'field size: 2147483648 is not an integer from -2147483648 to 2147483647',
  )
  expect(() => cqUnit.write(bytes, 0, { commitLogOffset: 5, size: Number.NaN, tagsCode: 0 })).toThrow('field size: NaN')
  expect(bytes.every(byte => byte === 0)).toBe(true)
  expect(() => cqUnit.read(bytes, 1)).toThrow('a record of 20 bytes at 1 does not lie within 20 bytes')
})

test('longs agree with those of Buffer', () => {
  const bytes = Buffer.alloc(8)
  fc.assert(
    fc.property(fc.maxSafeInteger(), value => {
      putLong(bytes, 0, value)
      expect(bytes.readBigInt64BE()).toBe(BigInt(value))
      expect(getLong(bytes, 0)).toBe(value)
      putBigLong(bytes, 0, BigInt(value))
      expect(bytes.readBigInt64BE()).toBe(BigInt(value))
      expect(getBigLong(bytes, 0)).toBe(BigInt(value))
    }),
  )
})
