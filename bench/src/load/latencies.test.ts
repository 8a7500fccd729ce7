import { expect, test } from '@jest/globals'
import { Latencies } from './latencies.ts'

test('percentiles', () => {
  const latencies = new Latencies()
  for (let i = 1; i <= 1000; i++) latencies.add(i)
  expect(latencies.summary()).toEqual({ p50Ms: 501, p99Ms: 991, p999Ms: 1000 })
})

test('a full sample thins out evenly', () => {
  const latencies = new Latencies(64)
  for (let i = 0; i < 10_000; i++) latencies.add(i)
  const { p50Ms } = latencies.summary()
  expect(p50Ms).toBeGreaterThan(4000)
  expect(p50Ms).toBeLessThan(6000)
})

test('no sample is no number of anything', () => {
  expect(new Latencies().summary()).toEqual({ p50Ms: 0, p99Ms: 0, p999Ms: 0 })
})
