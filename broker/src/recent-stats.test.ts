import { expect, test } from '@jest/globals'
import type { Clock } from '@rocketcluster/world'
import { RecentStats } from './recent-stats.ts'
import { BrokerStats } from './stats.ts'

function recent() {
  const time = { nowMs: 0 }
  const stats = new BrokerStats()
  const recentStats = new RecentStats({ monotonicMs: () => time.nowMs } as unknown as Clock, stats, 'C')
  return {
    stats,
    recentStats,
    pass(ms: number) {
      for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
        time.nowMs += RecentStats.PERIOD_MS
        recentStats.sample()
      }
    },
  }
}
const MINUTE = 60_000

test('each span forgets what is older than it is', () => {
  const { stats, recentStats, pass } = recent()
  const sums = () => {
    const found = recentStats.find('TOPIC_PUT_NUMS', 'T')!
    return [found.statsMinute.sum, found.statsHour.sum, found.statsDay.sum]
  }
  expect(recentStats.find('TOPIC_PUT_NUMS', 'T')).toBeUndefined()
  stats.put('T', 6, 600)
  expect(sums()).toEqual([0, 0, 0])
  pass(MINUTE)
  expect(sums()).toEqual([6, 0, 0])
  expect(recentStats.tps('TOPIC_PUT_NUMS', 'T')).toBeCloseTo(0.1)
  expect(recentStats.find('TOPIC_PUT_SIZE', 'T')!.statsMinute).toMatchObject({ sum: 600, avgpt: 100 })
  pass(9 * MINUTE)
  expect(sums()).toEqual([0, 6, 0])
  pass(51 * MINUTE)
  expect(sums()).toEqual([0, 6, 6])
  pass(60 * MINUTE)
  expect(sums()).toEqual([0, 0, 6])
  pass(23 * 60 * MINUTE)
  expect(sums()).toEqual([0, 0, 0])
})

test('a topic that comes late is counted from nothing; one that is gone is forgotten, and made anew begins at 0', () => {
  const { stats, recentStats, pass } = recent()
  pass(30 * MINUTE)
  stats.put('Late', 5, 50)
  pass(MINUTE)
  expect(recentStats.find('TOPIC_PUT_NUMS', 'Late')!.statsMinute.sum).toBe(5)
  expect(recentStats.find('BROKER_PUT_NUMS', 'C')!.statsMinute.sum).toBe(5)
  stats.forgetTopic('Late')
  pass(RecentStats.PERIOD_MS)
  expect(recentStats.find('TOPIC_PUT_NUMS', 'Late')).toBeUndefined()
  stats.put('Late', 1, 10)
  pass(RecentStats.PERIOD_MS)
  expect(recentStats.find('TOPIC_PUT_NUMS', 'Late')!.statsMinute.sum).toBe(1)
})

test('groups by topic and group', () => {
  const { stats, recentStats, pass } = recent()
  stats.got('T', 'CG', { messageCount: 3, sizeBytes: 30 })
  pass(RecentStats.PERIOD_MS)
  expect(recentStats.find('GROUP_GET_NUMS', 'T@CG')!.statsMinute).toMatchObject({ sum: 3, avgpt: 1 })
  expect(recentStats.find('GROUP_GET_SIZE', 'T@CG')!.statsMinute).toMatchObject({ sum: 30, avgpt: 10 })
  expect(recentStats.tps('GROUP_GET_NUMS', 'T@Other')).toBe(0)
  expect(recentStats.find('BROKER_GET_NUMS', 'Other')).toBeUndefined()
})
