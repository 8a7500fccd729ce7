import { expect, test } from '@jest/globals'
import { type HeldPop, HeldPops } from './held-pops.ts'

const limits = { popPollingSize: 2, maxPopPollingSize: 100, popLongPollingForceNotifyInterval: 800 }

function setUp(overrides: Partial<typeof limits> = {}) {
  const held = new HeldPops({ ...limits, ...overrides })
  const woken: string[] = []
  const hold = (name: string, more: Partial<HeldPop> = {}) => {
    const result = held.hold({
      connectionId: 1,
      topic: 'T',
      group: 'G',
      queueId: -1,
      retryTopics: [`%RETRY%${more.group ?? 'G'}_T`],
      deadlineMs: 1000,
      matches: () => true,
      ...more,
    })
    if (result === 'full') return 'full'
    void result.then(why => woken.push(`${name} ${why}`))
    return 'held'
  }
  const arrive = async (more: object = {}) => {
    held.arrived([{ topic: 'T', queueId: 3, maxOffset: 5, tagsCode: 0, storeTimestamp: 0, ...more }])
    await Promise.resolve()
    return woken.splice(0)
  }
  return { held, hold, arrive, woken }
}

test('a message wakes one of each group, the earliest deadline first', async () => {
  const { hold, arrive, held } = setUp()
  hold('late', { deadlineMs: 2000 })
  hold('early', { deadlineMs: 500 })
  hold('other group', { group: 'H' })
  expect(await arrive({ topic: 'U' })).toEqual([])
  expect((await arrive()).sort()).toEqual(['early arrived', 'other group arrived'])
  expect(await arrive()).toEqual(['late arrived'])
  expect(held.size).toBe(0)
})

test('who waits for one queue hears only of that', async () => {
  const { hold, arrive } = setUp()
  hold('queue 3', { queueId: 3 })
  hold('queue 4', { queueId: 4 })
  expect(await arrive()).toEqual(['queue 3 arrived'])
  expect(await arrive()).toEqual([])
})

test('a retried message wakes its group only', async () => {
  const { hold, arrive } = setUp()
  hold('mine', { queueId: 4 })
  hold('other', { group: 'H' })
  expect(await arrive({ topic: '%RETRY%G_T', queueId: 0 })).toEqual(['mine arrived'])
})

test('a tag that nobody wants wakes nobody, except now and then', async () => {
  const { hold, arrive } = setUp()
  hold('picky', { matches: tagsCode => tagsCode === 7 })
  expect(await arrive({ tagsCode: 8 })).toEqual([])
  expect(await arrive({ tagsCode: 8, maxOffset: 801 })).toEqual(['picky arrived'])
  hold('picky', { matches: tagsCode => tagsCode === 7 })
  expect(await arrive({ tagsCode: 7 })).toEqual(['picky arrived'])
})

test('there are limits for one queue and for all', () => {
  const { hold, held } = setUp({ maxPopPollingSize: 4 })
  expect([hold('1'), hold('2'), hold('3'), hold('4')]).toEqual(['held', 'held', 'held', 'full'])
  expect(held.countOf('T', 'G', -1)).toBe(3)
  expect(hold('5', { queueId: 0 })).toBe('held')
  expect(hold('6', { queueId: 1 })).toBe('full')
})

test('time-outs, closed connections and the end', async () => {
  const { hold, held, woken } = setUp()
  hold('short', { deadlineMs: 10 })
  hold('gone', { connectionId: 2 })
  hold('rest', { queueId: 1 })
  held.expire(10)
  held.connectionClosed(2)
  held.close()
  await Promise.resolve()
  expect(woken).toEqual(['short timeout', 'gone gone', 'rest gone'])
  expect(held.size).toBe(0)
  hold('too late')
  await Promise.resolve()
  expect(woken.at(-1)).toBe('too late gone')
})
