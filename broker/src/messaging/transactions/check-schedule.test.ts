import { describe, expect, test } from '@jest/globals'
import type { DecodedMessage } from '@rocketcluster/protocol'
import { answersTooLate, checkDueMs, isGivenUp } from './check-schedule.ts'

const HOUR = 3_600_000
const SETTINGS = {
  transactionTimeOut: 6000,
  transactionCheckInterval: 30_000,
  transactionCheckMax: 15,
  fileReservedTime: 48,
}

interface Given {
  born?: number
  stored?: number
  times?: number
  immunity?: string
  first?: number
}

const half = ({ born = 0, stored = born, times, immunity, first }: Given) =>
  ({
    bornTimestamp: born,
    storeTimestamp: stored,
    queueOffset: 100,
    properties: new Map([
      ...(times === undefined ? [] : [['TRANSACTION_CHECK_TIMES', String(times)] as const]),
      ...(immunity === undefined ? [] : [['CHECK_IMMUNITY_TIME_IN_SECONDS', immunity] as const]),
      ...(first === undefined ? [] : [['TRAN_PREPARED_QUEUE_OFFSET', String(first)] as const]),
    ]),
  }) as unknown as DecodedMessage

describe('the first check', () => {
  test.each([
    ['is due when the message is transactionTimeOut old', { born: 1000 }, 7000],
    ['or as old as it says itself', { born: 1000, immunity: '60' }, 61_000],
    ['which may be sooner', { born: 1000, immunity: '1' }, 2000],
    ['unless that is no number', { born: 1000, immunity: 'soon' }, 7000],
    ['by our clock when the producer’s runs ahead', { born: 99_000, stored: 1000 }, 7000],
  ])('%s', (_, given, due) => expect(checkDueMs(half(given), SETTINGS)).toBe(due))
})

test('the pauses after it grow by an interval each, up to ten', () => {
  const pauses = [1, 2, 3, 9, 10, 11, 14].map(times => checkDueMs(half({ stored: 5000, times }), SETTINGS) - 5000)
  expect(pauses).toEqual([15_000, 45_000, 75_000, 255_000, 285_000, 285_000, 285_000])
})

test.each([
  ['after transactionCheckMax checks', { times: 15 }, 0, true],
  ['not before', { times: 14 }, 0, false],
  ['when the log is about to lose it', { stored: 0, born: 0 }, 46 * HOUR, true],
  ['not while it is kept', { stored: 0, born: 0 }, 45 * HOUR, false],
  ['a copy by its birth', { stored: 45 * HOUR, born: 0, times: 3 }, 46 * HOUR, true],
  ['a copy that was not asked about too', { stored: 45 * HOUR, born: 0, first: 4 }, 46 * HOUR, true],
  ['a producer’s wrong clock alone does not decide', { stored: 100 * HOUR, born: 1 }, 100 * HOUR, false],
])('given up %s', (_, given, now, expected) => expect(isGivenUp(half(given), SETTINGS, now)).toBe(expected))

test.each([
  ['a message without an immunity of its own may be ended at any time', {}, HOUR, false],
  ['within it', { immunity: '60' }, 60_000, false],
  ['after it', { immunity: '60' }, 60_001, true],
  ['it is at least transactionTimeOut', { immunity: '1' }, 6000, false],
])('%s', (_, given, now, expected) => expect(answersTooLate(half(given), 6000, now)).toBe(expected))
