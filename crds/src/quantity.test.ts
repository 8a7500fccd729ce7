import { expect, test } from '@jest/globals'
import { quantity, quantityValue } from './quantity.ts'

test.each([
  ['10Gi', 10 * 2 ** 30],
  ['500m', 0.5],
  ['1.5G', 1.5e9],
  ['2', 2],
  [3, 3],
])('%s', (text, value) => {
  expect(quantity().parse(text)).toBe(text)
  expect(quantityValue(text)).toBeCloseTo(value)
})

test.each(['10GB', '', '-1', 'Gi', '1 Gi', 1.5, -2, true])('%j is none', value => {
  expect(quantity().safeParse(value).success).toBe(false)
})
