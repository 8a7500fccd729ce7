import { describe, expect, test } from '@jest/globals'
import { storeConfig } from './config.ts'
import { type FileAge, filesToDelete, type RetentionState } from './retention.ts'

const HOUR = 3_600_000
const NOW = 1_000 * HOUR
const config = storeConfig({ storePathRootDir: '/store' })

/** Files last written so many hours ago, oldest first. */
const files = (...hoursAgo: number[]): FileAge[] =>
  hoursAgo.map((hours, i) => ({ start: i * 1024, modifiedMs: NOW - hours * HOUR }))

const state = (given: Partial<RetentionState> = {}): RetentionState => ({
  nowMs: NOW,
  hour: 12,
  usedRatio: 0.5,
  manual: false,
  ...given,
})

describe('filesToDelete', () => {
  test('waits for the hour, then takes what is older than fileReservedTime', () => {
    expect(filesToDelete(files(100, 48, 47, 1), state(), config)).toBe(0)
    expect(filesToDelete(files(100, 48, 47, 1), state({ hour: 4 }), config)).toBe(2)
    expect(filesToDelete(files(47), state({ hour: 4 }), config)).toBe(0)
  })

  test('takes several hours of the day', () => {
    const twice = { ...config, deleteWhen: [3, 15] }
    expect([3, 4, 15].map(hour => filesToDelete(files(49), state({ hour }), twice))).toEqual([1, 0, 1])
  })

  test('does not wait for the hour when asked, or above diskMaxUsedSpaceRatio', () => {
    expect(filesToDelete(files(49, 49, 1), state({ manual: true }), config)).toBe(2)
    expect(filesToDelete(files(49, 49, 1), state({ usedRatio: 0.76 }), config)).toBe(2)
    expect(filesToDelete(files(49, 49, 1), state({ usedRatio: 0.75 }), config)).toBe(0)
  })

  test('above diskSpaceCleanForciblyRatio also takes what has not expired, a batch at a time', () => {
    expect(filesToDelete(files(1, 1, 1), state({ usedRatio: 0.86 }), config)).toBe(3)
    const many = files(...new Array<number>(50).fill(1))
    expect(filesToDelete(many, state({ usedRatio: 0.86 }), config)).toBe(10)
    expect(filesToDelete(many, state({ usedRatio: 0.86 }), { ...config, deleteFileBatchMax: 3 })).toBe(3)
    expect(filesToDelete(files(1), state({ usedRatio: 0.86 }), { ...config, cleanFileForciblyEnable: false })).toBe(0)
  })

  test('stops at the first file that stays: no hole is made', () => {
    expect(filesToDelete(files(49, 1, 49), state({ hour: 4 }), config)).toBe(1)
  })

  test('has nothing to take from nothing', () => {
    expect(filesToDelete([], state({ hour: 4, usedRatio: 0.99, manual: true }), config)).toBe(0)
  })
})
