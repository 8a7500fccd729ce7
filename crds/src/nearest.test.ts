import { expect, test } from '@jest/globals'
import { didYouMean, nearest } from './nearest.ts'

test.each([
  ['listnPort', 'listenPort'],
  ['lsitenPort', 'listenPort'],
  ['LISTENPORT', 'listenPort'],
  ['brokerNames', 'brokerName'],
  ['completelyDifferent', undefined],
  ['x', undefined],
])('%s', (name, expected) => {
  expect(nearest(name, ['listenPort', 'brokerName', 'brokerId'])).toBe(expected)
})

test('as the end of a sentence', () => {
  expect(didYouMean('brokr', ['broker'])).toBe('; did you mean broker?')
  expect(didYouMean('zzzz', ['broker'])).toBe('')
})
