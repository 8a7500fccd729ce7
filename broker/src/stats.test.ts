import { expect, test } from '@jest/globals'
import { Simulation } from '@rocketcluster/world/sim'
import { BrokerStats, Buckets } from './stats.ts'
import { Throughput } from './throughput.ts'

test('a bound belongs to its bucket, what is above all of them to the last', () => {
  const buckets = new Buckets([10, 100])
  for (const value of [1, 10, 11, 100, 101]) buckets.observe(value)
  buckets.observe(5, 3)
  expect([...buckets.counts]).toEqual([5, 2, 1])
  expect([buckets.sum, buckets.count]).toEqual([238, 8])
})

test('counts by topic and group, and forgets what is gone', () => {
  const stats = new BrokerStats()
  stats.put('T', 2, 300)
  stats.put('T', 1, 5000)
  stats.got('T', 'G', { messageCount: 2, sizeBytes: 300 })
  stats.got('T', 'H', { messageCount: 0, sizeBytes: 0 })
  stats.got('U', 'G', { messageCount: 1, sizeBytes: 10 })
  expect(stats.in.get('T')).toMatchObject({ messages: 3, bytes: 5300 })
  expect([...stats.out.keys()]).toEqual(['T@G', 'U@G'])
  stats.forgetTopic('T')
  expect([stats.in.size, ...stats.out.keys()]).toEqual([0, 'U@G'])
  stats.forgetGroup('G')
  expect(stats.out.size).toBe(0)
})

test('rates over 10, 60 and 600 seconds, and what the day began with', async () => {
  const sim = new Simulation(1)
  await sim.run(
    async () => {
      const { clock } = sim.host('host', { clockOffsetMs: 0, clockDriftPpm: 0 }).world
      const counted = { put: 0, got: 0 }
      const throughput = new Throughput(clock, () => ({ ...counted }))
      for (let second = 1; second <= 100; second++) {
        await clock.sleep(1000)
        counted.put += second > 90 ? 60 : 0
        throughput.sample()
      }
      const [ten, sixty, all] = throughput.putTps()
      expect(ten).toBeCloseTo(60, 0)
      expect(sixty).toBeCloseTo(10, 0)
      expect(all).toBeCloseTo(6, 0)
      expect(throughput.getTps()).toEqual([0, 0, 0])
      expect(throughput.daily()).toMatchObject({ msgPutTotalTodayMorning: 0, msgPutTotalTodayNow: 600 })
      await clock.sleep(24 * 3_600_000)
      throughput.sample()
      expect(throughput.daily()).toMatchObject({ msgPutTotalYesterdayMorning: 0, msgPutTotalTodayMorning: 600 })
    },
    { maxVirtualMs: 10 ** 9 },
  )
})
