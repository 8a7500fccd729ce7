import { expect, test } from '@jest/globals'
import { BloomFilter, murmur3 } from './bloom-filter.ts'

test.each([
  ['', 0n],
  ['hello', 0xcbd8a7b341bd9b02n],
  ['The quick brown fox jumps over the lazy dog', 0xe34bbc7bbc071b6cn],
])('the hash of %p is that of the published vectors', (text, hash) => {
  expect(murmur3(Buffer.from(text))).toBe(hash)
})

test('at Apache’s defaults a consumer has three bits of 112', () => {
  const { bitNum, bitPos } = new BloomFilter(20, 32).positions('GID#T')
  expect(bitNum).toBe(112)
  expect(bitPos).toHaveLength(3)
  for (const position of bitPos) expect(position >= 0 && position < 112).toBe(true)
})
