import { expect, test } from '@jest/globals'
import type { Clock } from '@rocketcluster/world'
import fc from 'fast-check'
import { Deadlines, Waiting } from './deadlines.ts'

/** Time that a test moves. */
class ManualClock {
  nowMs = 1000.4
  timers: { at: number; run: () => void }[] = []
  monotonicMs = () => this.nowMs
  setTimeout = (run: () => void, delayMs: number) => {
    const timer = { at: this.nowMs + delayMs, run }
    this.timers.push(timer)
    return { cancel: () => void (this.timers = this.timers.filter(other => other !== timer)) }
  }

  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > untilMs) break
      this.timers.splice(this.timers.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.at)
      next.run()
    }
    this.nowMs = untilMs
  }
}

class Wait extends Waiting {
  endedMs: number | undefined
  readonly #clock: ManualClock
  constructor(clock: ManualClock) {
    super()
    this.#clock = clock
  }
  expire(): void {
    expect(this.endedMs).toBeUndefined()
    this.endedMs = this.#clock.nowMs
  }
}

test('each wait that is not removed ends once, never early and at most one tick late', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          pauseMs: fc.double({ min: 0, max: 300, noNaN: true }),
          timeoutMs: fc.double({ min: 0, max: 12_000, noNaN: true }),
          removedAfterMs: fc.option(fc.double({ min: 0, max: 12_000, noNaN: true })),
        }),
        { maxLength: 60 },
      ),
      plan => {
        const clock = new ManualClock()
        const deadlines = new Deadlines(clock as unknown as Clock, 20)
        const waits = plan.map(({ pauseMs, timeoutMs, removedAfterMs }) => {
          clock.advance(pauseMs)
          const wait = new Wait(clock)
          const dueMs = clock.nowMs + timeoutMs
          deadlines.add(wait, timeoutMs)
          if (removedAfterMs !== null) clock.setTimeout(() => deadlines.remove(wait), removedAfterMs)
          return {
            wait,
            dueMs,
            removedMs: removedAfterMs === null ? Number.POSITIVE_INFINITY : clock.nowMs + removedAfterMs,
          }
        })
        clock.advance(15_000)
        for (const { wait, dueMs, removedMs } of waits) {
          if (wait.endedMs === undefined) expect(removedMs).toBeLessThanOrEqual(dueMs + 21)
          else {
            expect(wait.endedMs).toBeGreaterThanOrEqual(dueMs)
            expect(wait.endedMs).toBeLessThanOrEqual(dueMs + 21)
          }
        }
        expect(deadlines.size).toBe(0)
        clock.advance(100)
        expect(clock.timers).toEqual([])
      },
    ),
  ))

test('after a pause longer than the wheel all that is due ends, the earliest first', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock as unknown as Clock, 20)
  const order: number[] = []
  for (const timeoutMs of [9000, 50, 3000, 70_000])
    deadlines.add(
      new (class extends Waiting {
        expire(): void {
          order.push(timeoutMs)
        }
      })(),
      timeoutMs,
    )
  clock.nowMs += 60_000
  clock.advance(1)
  expect(order).toEqual([50, 3000, 9000])
  clock.advance(11_000)
  expect(order).toEqual([50, 3000, 9000, 70_000])
})
