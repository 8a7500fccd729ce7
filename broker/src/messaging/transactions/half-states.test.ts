import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dueAt, HalfStates, half, isDue, isEnded, isPending, isWaiting, waitingUntil } from './half-states.ts'

const at = (base: number) => {
  const states = new HalfStates()
  states.reset(base)
  return states
}

test('a state belongs to a queue offset; what is not known is UNKNOWN, what lies before the base has ENDED', () => {
  const states = at(1000)
  states.set(1003, half.COMMITTED)
  states.set(999, half.COMMITTED)
  expect([999, 1000, 1003, 1004].map(offset => states.at(offset))).toEqual([
    half.ENDED,
    half.UNKNOWN,
    half.COMMITTED,
    half.UNKNOWN,
  ])
  expect([states.base, states.end]).toEqual([1000, 1004])
})

test('the base moves over what has ended, not over what is pending, unknown, or on its way', () => {
  const states = at(0)
  for (const [offset, state] of [half.COMMITTED, half.MOVED, half.ENDING, half.GONE].entries())
    states.set(offset, state)
  states.advance(10)
  expect(states.base).toBe(2)
  states.set(2, half.ROLLED_BACK)
  states.advance(3)
  expect(states.base).toBe(3)
  states.advance(10)
  expect(states.base).toBe(4)
  expect(states.end).toBe(4)
  states.setPending(5, dueAt(0), 5)
  states.advance(10)
  expect(states.base).toBe(4)
})

describe('due times', () => {
  test('a pending one is due at its time, a waiting one too', () => {
    for (const state of [dueAt(1000), waitingUntil(1000)]) {
      expect(isPending(state)).toBe(true)
      expect(isEnded(state)).toBe(false)
      expect([999, 1000, 5000].map(elapsed => isDue(state, elapsed))).toEqual([false, true, true])
    }
    expect([isWaiting(dueAt(1000)), isWaiting(waitingUntil(1000))]).toEqual([false, true])
    expect(isDue(dueAt(-5), 0)).toBe(true)
    expect(isDue(half.UNKNOWN, 1e9)).toBe(false)
  })
})

test('a late answer finds the copy that counts', () => {
  const states = at(10)
  states.set(10, half.COMMITTED)
  states.setPending(20, dueAt(0), 4)
  states.setPending(21, dueAt(0), 21)
  states.setPending(22, dueAt(0), 12)
  expect(states.findPending(4)).toBe(20)
  expect(states.findPending(21)).toBe(21)
  expect(states.findPending(12)).toBe(22)
  expect(states.firstOf(22)).toBe(12)
  states.set(20, half.COMMITTED)
  expect(states.findPending(4)).toBeUndefined()
  expect(states.findPending(99)).toBeUndefined()
})

test('any history is as that of a plain map', () => {
  const change = fc.record({ offset: fc.integer({ min: 0, max: 5000 }), state: fc.integer({ min: 0, max: 40 }) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), changes => {
      const states = at(0)
      const plain = new Map<number, number>()
      for (const [i, { offset, state }] of changes.entries()) {
        const before = states.base
        states.set(offset, state)
        if (offset >= before) plain.set(offset, state)
        if (i % 3 === 0) states.advance(6000)
      }
      const all = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
      const wrong = all(states.base, states.end).filter(
        offset => states.at(offset) !== (plain.get(offset) ?? half.UNKNOWN),
      )
      expect(wrong).toEqual([])
      expect(all(0, states.base).filter(offset => !isEnded(plain.get(offset)!))).toEqual([])
    }),
  )
})

test('a million undecided messages take eight megabytes or twice that, and nothing when they have ended', () => {
  const states = at(0)
  const count = 1_000_000
  for (let offset = 0; offset < count; offset++) states.setPending(offset, dueAt(offset), offset)
  expect(states.memoryBytes).toBeLessThan(20 * count)
  for (let offset = 0; offset < count; offset++) states.set(offset, half.COMMITTED)
  states.advance(count)
  expect(states.base).toBe(count)
  expect(states.memoryBytes).toBeLessThan(20_000)
})
