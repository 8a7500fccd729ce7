import { expect, test } from '@jest/globals'
import { indexKeyHash } from '@rocketcluster/protocol/internal'
import fc from 'fast-check'
import { extendHash, keyHash, topicHash } from './index-key.ts'

const hashOf = (topic: string, key: string) => keyHash(extendHash(topicHash(topic), key, 0, key.length))

test('is the hash of `topic#key`, over UTF-16 units as in Java', () => {
  // By hand: "a#b" = 97 * 961 + 35 * 31 + 98.
  expect(hashOf('a', 'b')).toBe(97 * 961 + 35 * 31 + 98)
  // "#" + U+1F680, which is two units: 35 * 961 + 0xd83d * 31 + 0xde80.
  expect(hashOf('', '🚀')).toBe(35 * 961 + 0xd83d * 31 + 0xde80)
  const ipv6 = 'FE80000000000000021122FFFE334455000012A3'
  expect(hashOf('订单', ipv6)).toBe(indexKeyHash(`订单#${ipv6}`))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (topic, key) => {
      expect(hashOf(topic, key)).toBe(indexKeyHash(`${topic}#${key}`))
    }),
  )
})

test('is never negative: |Integer.MIN_VALUE| becomes 0', () => {
  expect([keyHash(-0x80000000), keyHash(-1), keyHash(0x7fffffff), keyHash(-0x7fffffff)]).toEqual([
    0, 1, 0x7fffffff, 0x7fffffff,
  ])
})
