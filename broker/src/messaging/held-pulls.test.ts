import { expect, test } from '@jest/globals'
import { type HeldPull, HeldPulls } from './held-pulls.ts'

function pull(more: Partial<HeldPull> = {}) {
  const woken: boolean[] = []
  const held: HeldPull = {
    connectionId: 1,
    topic: 'T',
    queueId: 0,
    queueOffset: 5,
    deadlineMs: 1000,
    matches: () => true,
    wake: arrived => woken.push(arrived),
    ...more,
  }
  return { held, woken }
}

const arrival = (more: object = {}) => ({
  topic: 'T',
  queueId: 0,
  maxOffset: 6,
  tagsCode: 0,
  storeTimestamp: 0,
  ...more,
})

test('wakes whom a message concerns, once', () => {
  const pulls = new HeldPulls()
  const [mine, otherQueue, otherTopic, later, otherTag] = [
    pull(),
    pull({ queueId: 1 }),
    pull({ topic: 'U' }),
    pull({ queueOffset: 6 }),
    pull({ matches: tagsCode => tagsCode === 7 }),
  ]
  for (const { held } of [mine, otherQueue, otherTopic, later, otherTag]) pulls.hold(held)
  pulls.arrived([arrival(), arrival()])
  expect([mine, otherQueue, otherTopic, later, otherTag].map(({ woken }) => woken)).toEqual([[true], [], [], [], []])
  pulls.arrived([arrival({ maxOffset: 7, tagsCode: 7 })])
  expect([later.woken, otherTag.woken]).toEqual([[true], [true]])
  expect(pulls.size).toBe(2)
})

test('a pull that is held again while it is woken is woken by the next message only', () => {
  const pulls = new HeldPulls()
  let times = 0
  const { held } = pull({
    wake: () => {
      if (++times < 3) pulls.hold(held)
    },
  })
  pulls.hold(held)
  pulls.arrived([arrival()])
  expect(times).toBe(1)
  expect(pulls.size).toBe(1)
})

test('time-outs, closed connections and the end leave nothing behind', () => {
  const pulls = new HeldPulls()
  const [early, late, theirs] = [pull({ deadlineMs: 10 }), pull({ deadlineMs: 20 }), pull({ connectionId: 2 })]
  for (const { held } of [early, late, theirs]) pulls.hold(held)
  pulls.expire(10)
  expect([early.woken, late.woken, theirs.woken]).toEqual([[false], [], []])
  pulls.connectionClosed(2)
  pulls.connectionClosed(2)
  expect(theirs.woken).toEqual([false])
  pulls.close()
  expect(late.woken).toEqual([false])
  expect(pulls.size).toBe(0)
  const after = pull()
  pulls.hold(after.held)
  expect(after.woken).toEqual([false])
  expect(pulls.size).toBe(0)
})
