import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareDoubles, parseJavaDouble, parseJavaInt, parseJavaLong } from './java-numbers.ts'

test.each([
  ['5', 5],
  ['+5', 5],
  ['-5', -5],
  ['-0', 0],
  ['0005', 5],
  ['٥٥', 55],
  ['５', 5],
  ['-2147483648', -2147483648],
  ['2147483648', undefined],
  ['', undefined],
  ['-', undefined],
  [' 5', undefined],
  ['5.0', undefined],
  ['5L', undefined],
  ['0x5', undefined],
  ['1_0', undefined],
  ['𝟓', undefined],
])('Integer.valueOf(%p) is %p', (text, value) => {
  expect(parseJavaInt(text)).toBe(value)
})

test.each([
  ['9007199254740993', 9007199254740993n],
  ['-9223372036854775808', -9223372036854775808n],
  ['9223372036854775807', 9223372036854775807n],
  ['9223372036854775808', undefined],
  ['0000000000000000000000001', 1],
])('Long.valueOf(%p) is %p', (text, value) => {
  expect(parseJavaLong(text)).toBe(value)
})

test.each([
  ['5', 5],
  [' 5.5\t', 5.5],
  ['5.', 5],
  ['.5', 0.5],
  ['5e3', 5000],
  ['5f', 5],
  ['5D', 5],
  ['-0', -0],
  ['NaN', Number.NaN],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['1e999', Number.POSITIVE_INFINITY],
  ['0x1p3', 8],
  ['0x1.8p1', 3],
  ['-0x.8p0', -0.5],
  ['0x1.fffffffffffffp1023', Number.MAX_VALUE],
  ['0x1p-1074', 5e-324],
  ['0x1p-1076', 0],
  ['0x1p99999', Number.POSITIVE_INFINITY],
  ['0x0p0', 0],
  ['', undefined],
  ['.', undefined],
  ['0x1', undefined],
  ['0xp1', undefined],
  ['infinity', undefined],
  ['1 2', undefined],
  ['toString', undefined],
])('Double.valueOf(%p) is %p', (text, value) => {
  expect(parseJavaDouble(text)).toBe(value)
})

test('every double is read back from its hexadecimal form', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
      const view = new DataView(new ArrayBuffer(8))
      view.setFloat64(0, Math.abs(value))
      const bits = view.getBigUint64(0)
      const exponent = Number(bits >> 52n)
      const mantissa = (bits & (2n ** 52n - 1n)).toString(16).padStart(13, '0')
      const text = exponent === 0 ? `0x0.${mantissa}p-1022` : `0x1.${mantissa}p${exponent - 1023}`
      expect(parseJavaDouble(text)).toBe(Math.abs(value))
    }),
  )
})

test('doubles have one order, NaN last', () => {
  const ascending = [Number.NEGATIVE_INFINITY, -1, -0, 0, 5e-324, 1, Number.POSITIVE_INFINITY, Number.NaN]
  for (const [i, a] of ascending.entries())
    for (const [j, b] of ascending.entries()) expect(compareDoubles(a, b)).toBe(Math.sign(i - j))
})
