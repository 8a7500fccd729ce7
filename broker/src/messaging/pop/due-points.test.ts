import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CheckPoint } from './check-point.ts'
import { DuePoints, SLOT_MS } from './due-points.ts'

const point = (dueMs: number) =>
  new CheckPoint({
    topic: 'T',
    group: 'G',
    queueId: 0,
    startOffset: 0,
    popTime: dueMs,
    invisibleTime: 0,
    diffs: [0],
    brokerName: 'b',
    reviveQueueId: 0,
  })

test('each point is taken once, never early and at most one slot late, whatever the clock does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 10_000_000 })), { maxLength: 50 }),
      fc.array(fc.oneof(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 0, max: 10_000_000 })), {
        maxLength: 50,
      }),
      (dues, steps) => {
        const points = new DuePoints(0)
        const waiting = new Set(dues.map(due => point(due)))
        for (const one of waiting) points.add(one)
        let now = 0
        for (const step of [...steps, 20_000_000]) {
          now = Math.max(0, now + step)
          for (const taken of points.take(now)) {
            expect(waiting.delete(taken)).toBe(true)
            expect(taken.dueMs).toBeLessThanOrEqual(now)
          }
          for (const one of waiting) expect(one.dueMs + SLOT_MS).toBeGreaterThan(now)
          expect(points.size).toBe(waiting.size)
        }
      },
    ),
  )
})

test('what is moved comes at its new time, what is removed never', () => {
  const points = new DuePoints(0)
  const [moved, removed] = [point(1000), point(1000)]
  points.add(moved)
  points.add(removed)
  points.move(moved, 5000)
  points.remove(removed)
  expect(points.take(4900)).toEqual([])
  expect(points.take(5000)).toEqual([moved])
})
