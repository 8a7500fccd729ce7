import { describe, expect, test } from '@jest/globals'
import {
  differsFromRebuild,
  forgottenTopics,
  holes,
  invented,
  lost,
  outOfOrder,
  reused,
  skipped,
  undelivered,
} from './checks.ts'
import type { Acked, Delivered, Stored } from './history.ts'

const place = (queueOffset: number, queueId = 0) => ({ brokerName: 'b', topic: 'T', queueId, queueOffset })
const acked = (id: string, queueOffset: number, producer = 'p'): Acked => ({
  ...place(queueOffset),
  id,
  producer,
  atMs: 1,
})
const delivered = (id: string, queueOffset: number): Delivered => ({
  ...place(queueOffset),
  id,
  consumer: 'c',
  atMs: 2,
})
const stored = (id: string, queueOffset: number, physicalOffset = queueOffset * 100): Stored => ({
  ...place(queueOffset),
  id,
  physicalOffset,
})

/** A checker that never finds anything proves nothing: each one is shown what it must find. */
describe('the checkers', () => {
  test('lost: not there, or another one in its place', () => {
    expect(lost([acked('a', 0), acked('b', 1)], [stored('a', 0), stored('b', 1)])).toEqual([])
    expect(lost([acked('a', 0), acked('b', 1), acked('c', 2)], [stored('a', 0), stored('x', 1)])).toEqual([
      'lost: b was acknowledged at 1 ms as b T 0 1, where there is x',
      'lost: c was acknowledged at 1 ms as b T 0 2, where there is nothing',
    ])
  })

  test('reused: two messages at one place, whoever saw them', () => {
    expect(reused([acked('a', 0)], [delivered('a', 0)], [stored('a', 0)])).toEqual([])
    expect(reused([], [delivered('a', 0)], [stored('b', 0)])).toEqual(['reused: b T 0 0 was a and then b'])
  })

  test('order: per producer and queue', () => {
    expect(outOfOrder([acked('a', 0), acked('b', 2), acked('c', 1, 'q')])).toEqual([])
    expect(outOfOrder([acked('a', 2), acked('b', 1)])).toHaveLength(1)
    expect(outOfOrder([acked('a', 2), acked('b', 2)])).toHaveLength(1)
  })

  test('undelivered and skipped: again is fine, never is not', () => {
    expect(undelivered([acked('a', 0)], [delivered('a', 0)])).toEqual([])
    expect(undelivered([acked('a', 0), acked('b', 1)], [delivered('a', 0)])).toHaveLength(1)
    expect(
      skipped([delivered('a', 0), delivered('b', 1), delivered('a', 0), delivered('b', 1), delivered('c', 2)]),
    ).toEqual([])
    expect(skipped([delivered('a', 0), delivered('c', 2)])).toHaveLength(1)
  })

  test('invented, holes, a rebuild that differs, a topic that was forgotten', () => {
    expect(invented(new Set(['a']), [stored('a', 0)])).toEqual([])
    expect(invented(new Set(['a']), [stored('damaged a', 0)])).toHaveLength(1)
    expect(holes([stored('a', 0), stored('b', 1)])).toEqual([])
    expect(holes([stored('a', 0), stored('b', 2)])).toHaveLength(1)
    expect(holes([stored('a', 1)])).toHaveLength(1)
    expect(holes([stored('a', 0, 100), stored('b', 1, 50)])).toHaveLength(1)
    expect(differsFromRebuild([stored('a', 0)], [stored('a', 0)])).toEqual([])
    expect(differsFromRebuild([stored('a', 0), stored('b', 1)], [stored('a', 0, 7)])).toHaveLength(3)
    const known = new Map([['b', new Set(['T'])]])
    expect(forgottenTopics([{ brokerName: 'b', topic: 'T' }], known)).toEqual([])
    expect(forgottenTopics([{ brokerName: 'b', topic: 'U' }], known)).toHaveLength(1)
  })
})
