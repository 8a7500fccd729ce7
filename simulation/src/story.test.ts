import { expect, test } from '@jest/globals'
import { History } from './history.ts'
import { bodyOf, idOf } from './message-body.ts'
import { story, tally } from './story.ts'

function outcome(violations: string[], events = 2) {
  const history = new History()
  history.count('fault: kill broker', 2)
  history.count('state: delivered again', 0)
  for (let i = 0; i < events; i++) {
    history.events.push({ atMs: i, kind: 'fault', text: `fault ${i}` })
    history.events.push({ atMs: i, kind: 'log', text: `broker-a warn: said ${i} times` })
  }
  const plan = {
    brokers: 1,
    flushDiskType: 'SYNC_FLUSH',
    producers: 1,
    consumers: 1,
    troubleMs: 1,
    faultEveryMs: 1,
    sendEveryMs: 1,
    maxBodyBytes: 1,
  } as const
  return { seed: 42, plan, history, violations, traceHash: 255, virtualMs: 3000 }
}

test('a story says what was played, what happened, what broke, and how to see it again', () => {
  const text = story(outcome(['lost: m1']))
  expect(text).toContain('seed 42: brokers 1, flushDiskType SYNC_FLUSH')
  expect(text).toContain('fault 1')
  expect(text).toContain('BROKEN lost: m1')
  expect(text).toContain('trace ff')
  expect(text).toMatch(/repeat it with: npm run simulate -- --seed 42$/)
})

test('a long one says what servers repeat only once, and never leaves out a fault', () => {
  const text = story(
    outcome(
      Array.from({ length: 20 }, (_, i) => `lost: m${i}`),
      100,
    ),
  )
  expect(text.match(/said/g)).toHaveLength(1)
  expect(text.match(/fault {4}fault/g)).toHaveLength(100)
  expect(text).toContain('lines left out')
  expect(text).toContain('BROKEN … and 12 more')
})

test('a tally counts times and seeds', () => {
  expect(tally([outcome([]), outcome([])])).toMatch(/4 in +2 seeds {2}fault: kill broker/)
})

test('a body tells its id, and that it was damaged', () => {
  const body = Buffer.from(bodyOf('p1-7', 100))
  expect(body).toHaveLength(100)
  expect(idOf(body)).toBe('p1-7')
  body[50] = 0x41
  expect(idOf(body)).toBe('damaged p1-7')
  expect(idOf(Buffer.from(bodyOf('p', 0)))).toBe('p')
  expect(idOf(Buffer.alloc(0))).toBe('damaged ')
})
