import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Epoch } from '../replication.ts'
import { EpochHistory } from './epoch-history.ts'

const epochs = (...entries: [epoch: number, startOffset: number][]) =>
  entries.map(([epoch, startOffset]) => ({ epoch, startOffset }))
const history = (...entries: [epoch: number, startOffset: number][]) => new EpochHistory(epochs(...entries))

describe('entries that are no history are refused', () => {
  test.each<[string, Epoch, string]>([
    ['an epoch again', { epoch: 3, startOffset: 500 }, 'epoch 3 behind epoch 3; allowed is a later one'],
    ['an earlier epoch', { epoch: 2, startOffset: 500 }, 'epoch 2 behind epoch 3'],
    ['a place before', { epoch: 4, startOffset: 99 }, 'epoch 4 begins at 99, before epoch 3 at 100'],
    ['a negative epoch', { epoch: -1, startOffset: 500 }, 'epoch -1; allowed is a whole number from 0'],
    ['half an epoch', { epoch: 3.5, startOffset: 500 }, 'epoch 3.5; allowed'],
    ['an epoch that no int holds', { epoch: 2 ** 31, startOffset: 500 }, `epoch ${2 ** 31}; allowed`],
    ['a negative place', { epoch: 4, startOffset: -1 }, 'epoch 4 begins at -1; allowed is an offset from 0'],
    ['no number', { epoch: 4, startOffset: Number.NaN }, 'epoch 4 begins at NaN'],
  ])('%s', (_, entry, words) => {
    const known = history([3, 100])
    expect(() => known.append(entry)).toThrow(words)
    expect(known.entries).toEqual(epochs([3, 100]))
  })
})

test('an epoch in which nothing was written gives way to the next one', () => {
  const known = history([1, 0], [2, 100])
  known.append({ epoch: 5, startOffset: 100 })
  expect(known.entries).toEqual(epochs([1, 0], [5, 100]))
})

test.each([
  [0, [1, 0], 100],
  [99, [1, 0], 100],
  [100, [4, 100], 300],
  [299, [4, 100], 300],
  [300, [6, 300], Number.POSITIVE_INFINITY],
  [9999, [6, 300], Number.POSITIVE_INFINITY],
] as const)('the byte at %d is of one epoch, which ends somewhere', (offset, [epoch, startOffset], end) => {
  const known = history([1, 0], [4, 100], [6, 300])
  expect(known.at(offset)).toEqual({ epoch, startOffset })
  expect(known.endAt(offset)).toBe(end)
})

test('cut at the end and forgotten at the beginning, only what still lies in the log stays', () => {
  const cut = (offset: number) => {
    const known = history([1, 0], [4, 100], [6, 300])
    known.truncateTo(offset)
    return known.entries
  }
  expect(cut(300)).toEqual(epochs([1, 0], [4, 100], [6, 300]))
  expect(cut(299)).toEqual(epochs([1, 0], [4, 100]))
  expect(cut(0)).toEqual(epochs([1, 0]))
  const forgotten = (offset: number) => {
    const known = history([1, 0], [4, 100], [6, 300])
    known.forgetBefore(offset)
    return known.entries
  }
  expect(forgotten(99)).toEqual(epochs([1, 0], [4, 100], [6, 300]))
  expect(forgotten(100)).toEqual(epochs([4, 100], [6, 300]))
  expect(forgotten(10_000)).toEqual(epochs([6, 300]))
})

describe('where two logs part', () => {
  const common = (offset: number) => ({ kind: 'common', offset })
  test.each([
    ['the same', history([1, 0]), 50, history([1, 0]), 50, common(50)],
    ['one is behind', history([1, 0]), 50, history([1, 0]), 90, common(50)],
    ['one is behind by whole epochs', history([1, 0]), 50, history([1, 0], [2, 70]), 90, common(50)],
    ['more of an epoch than its next master had', history([1, 0]), 90, history([1, 0], [2, 70]), 80, common(70)],
    ['an epoch that was lost', history([1, 0], [2, 60]), 90, history([1, 0], [3, 70]), 95, common(60)],
    ['an empty epoch that was lost', history([1, 0], [2, 60]), 60, history([1, 0], [3, 70]), 95, common(60)],
    ['what came first is forgotten', history([1, 0], [4, 60]), 70, history([4, 60], [5, 90]), 99, common(70)],
    ['nothing in common', history([1, 0]), 50, history([2, 0]), 50, { kind: 'nothing' }],
    ['the same number of another record', history([3, 10]), 50, history([3, 0]), 50, { kind: 'nothing' }],
    ['no history', history(), 50, history([2, 0]), 50, { kind: 'nothing' }],
    [
      'an epoch that was noted before the log had come so far',
      history([1, 0], [2, 70]),
      50,
      history([1, 0], [2, 70]),
      90,
      common(50),
    ],
  ])('%s', (_, mine, end, theirs, theirEnd, parting) => {
    expect(mine.partingFrom(theirs, end, theirEnd)).toEqual(parting)
    expect(theirs.partingFrom(mine, theirEnd, end)).toEqual(parting)
  })

  /** A log of numbers, each of which is unique, and what its owner knows of it. */
  interface Copy {
    log: number[]
    history: EpochHistory
  }
  const act = fc.record({
    /** Who becomes master, and of how much others have from it when it writes so much. */
    master: fc.nat(2),
    writes: fc.nat(4),
    reach: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
    follows: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    loses: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)),
  })

  test('cut where it says, a log is a beginning of its master’s, and nothing more is cut than has to be', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), acts => {
        let next = 1
        const copies: Copy[] = [0, 1, 2].map(() => ({ log: [], history: new EpochHistory() }))
        acts.forEach(({ master, writes, reach, follows, loses }, i) => {
          // Some lose the end of their log in a crash.
          copies.forEach((copy, id) => {
            if (loses[id]! > 2) return
            copy.log.length = Math.max(0, copy.log.length - loses[id]!)
            copy.history.truncateTo(copy.log.length)
          })
          const of = copies[master]!
          of.history.append({ epoch: i + 1, startOffset: of.log.length })
          for (let n = 0; n < writes; n++) of.log.push(next++)
          copies.forEach((copy, id) => {
            if (id === master || !follows[id]) return
            const parting = copy.history.partingFrom(of.history, copy.log.length, of.log.length)
            const same = copy.log.findIndex((number, at) => number !== of.log[at])
            const really = same < 0 ? Math.min(copy.log.length, of.log.length) : same
            const known = parting.kind === 'nothing' ? 0 : parting.offset
            // Never too far, and exactly so far when they share an epoch.
            expect(known).toBeLessThanOrEqual(really)
            if (parting.kind === 'common') expect(known).toBe(really)
            copy.log.length = known
            copy.log.push(...of.log.slice(known, known + reach[id]!))
            copy.history = new EpochHistory(of.history.entries)
            copy.history.truncateTo(copy.log.length)
          })
          for (const copy of copies) {
            copy.history.entries.forEach(({ startOffset }, at, all) => {
              expect(startOffset).toBeLessThanOrEqual(copy.log.length)
              if (at > 0) expect(startOffset).toBeGreaterThan(all[at - 1]!.startOffset)
            })
          }
        })
      }),
      { numRuns: 500 },
    )
  })
})
