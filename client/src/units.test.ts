import { describe, expect, test } from '@jest/globals'
import type { TopicRouteData } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { allocateAveragely } from './allocate.ts'
import { nameServerList } from './client-instance.ts'
import { LatencyFaultTolerance } from './latency-fault-tolerance.ts'
import { topicRoute } from './route-table.ts'
import { matches, subscription } from './subscription.ts'

describe('allocateAveragely', () => {
  test('as Apache does it', () => {
    const queues = [0, 1, 2, 3, 4, 5, 6, 7]
    expect(['a', 'b', 'c'].map(self => allocateAveragely(queues, ['a', 'b', 'c'], self))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ])
    expect(allocateAveragely(queues, ['a'], 'stranger')).toEqual([])
  })

  test('every queue has exactly one reader, and shares differ by one at most', () =>
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 1, max: 20 }), (count, size) => {
        const queues = Array.from({ length: count }, (_, i) => i)
        const members = Array.from({ length: size }, (_, i) => `m${i}`)
        const shares = members.map(self => allocateAveragely(queues, members, self))
        expect(shares.flat()).toEqual(queues)
        const lengths = shares.map(share => share.length)
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
      }),
    ))
})

test('a subscription carries tags and their Java hashes', () => {
  expect(subscription('T', ' TagA || TagB||TagA', 5)).toMatchObject({
    subString: ' TagA || TagB||TagA',
    tagsSet: ['TagA', 'TagB'],
    codeSet: [2598919, 2598920],
    subVersion: 5,
  })
  expect(subscription('T', '', 0)).toMatchObject({ subString: '*', tagsSet: [] })
  expect(matches(subscription('T', '*', 0), undefined)).toBe(true)
  expect(matches(subscription('T', 'a', 0), undefined)).toBe(false)
})

test('latency fault tolerance: the numbers of MQFaultStrategy', () => {
  let now = 0
  const faults = new LatencyFaultTolerance(() => now)
  const pauseOf = (latencyMs: number, failed = false) => {
    now = 0
    faults.update('b', latencyMs, failed)
    for (const step of [0, 2000, 5000, 6000, 10_000, 30_000]) {
      now = step
      if (faults.isAvailable('b')) return step
    }
    return Number.POSITIVE_INFINITY
  }
  expect([10, 50, 100, 549, 550, 1800, 3000, 5000, 15_000].map(ms => pauseOf(ms))).toEqual([
    0, 0, 0, 0, 2000, 5000, 6000, 10_000, 30_000,
  ])
  expect(pauseOf(1, true)).toBe(10_000)
  now = 0
  faults.update('a', 600, false)
  expect(faults.leastBad(['a', 'b'])).toBe('a')
  expect(faults.leastBad([])).toBeUndefined()
})

test('name servers in one text or as a list', () => {
  expect(nameServerList('a:1; b:2,c:3;')).toEqual(['a:1', 'b:2', 'c:3'])
  expect(nameServerList([' a:1 '])).toEqual(['a:1'])
})

describe('a route', () => {
  const data = (perm: number, addresses: [number, string][], orderTopicConf?: string): TopicRouteData => ({
    brokerDatas: [{ brokerName: 'b', cluster: 'c', brokerAddrs: new Map(addresses), enableActingMaster: false }],
    queueDatas: [{ brokerName: 'b', perm, readQueueNums: 3, writeQueueNums: 2, topicSysFlag: 0 }],
    filterServerTable: new Map(),
    orderTopicConf,
  })
  const counts = (route: TopicRouteData) => {
    const { writeQueues, readQueues } = topicRoute('T', route)
    return [writeQueues.length, readQueues.length]
  }

  test('permissions and masters decide what can be written and read', () => {
    expect(counts(data(6, [[0, 'x:1']]))).toEqual([2, 3])
    expect(counts(data(4, [[0, 'x:1']]))).toEqual([0, 3])
    expect(counts(data(2, [[0, 'x:1']]))).toEqual([2, 0])
    expect(counts(data(6, [[1, 'x:1']]))).toEqual([0, 3])
  })

  test('an order configuration wins for writing', () => {
    expect(topicRoute('T', data(6, [[0, 'x:1']], 'a:1;b:2')).writeQueues).toEqual([
      { topic: 'T', brokerName: 'a', queueId: 0 },
      { topic: 'T', brokerName: 'b', queueId: 0 },
      { topic: 'T', brokerName: 'b', queueId: 1 },
    ])
  })
})
