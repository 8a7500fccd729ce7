import { describe, expect, test } from '@jest/globals'
import { ASYNC_FLUSH, type Measure, type Metric } from '../measures/measure.ts'
import type { Sample, Who } from '../samples.ts'
import { compare, flatness } from './compare.ts'

const metric: Metric = { key: 'rate', title: 'rate', unit: '1/s', better: 'more', target: { atLeast: 4 }, flat: true }
const measure: Measure = {
  name: 'sends',
  title: 'Sends',
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: [metric],
  run: async () => ({}),
}
const samples = (who: Who, stored: number, ...values: number[]): Sample[] =>
  values.map((rate, i) => ({ measure: 'sends', stored, round: i + 1, who, figures: { rate } }))

describe('the comparison', () => {
  test('is of medians, with the spread of single rounds', () => {
    const results = {
      samples: [...samples('Apache', 0, 10, 20, 30), ...samples('RocketCluster', 0, 100, 80, 90)],
      failures: [],
    }
    expect(compare(results, measure, metric, 0)).toMatchObject({
      apache: 20,
      ours: 90,
      ratio: 4.5,
      ratioMin: 3,
      ratioMax: 10,
      target: '≥ 4×',
      verdict: 'met',
    })
  })

  test('has no verdict without Apache, and no line without either', () => {
    const results = { samples: samples('RocketCluster', 0, 100), failures: [] }
    expect(compare(results, measure, metric, 0)!.verdict).toBe('')
    expect(compare(results, measure, metric, 10)).toBeUndefined()
  })

  test('a mark of ours counts beside the ratio', () => {
    const marked = { ...metric, mark: { value: 200, text: '200/s' } }
    const results = { samples: [...samples('Apache', 0, 10), ...samples('RocketCluster', 0, 100)], failures: [] }
    expect(compare(results, measure, marked, 0)).toMatchObject({ target: '≥ 4×, 200/s', verdict: 'not met' })
  })

  test('at most a tenth worse is flat, better is too', () => {
    const at = (full: number) => ({
      samples: [...samples('RocketCluster', 0, 100), ...samples('RocketCluster', 10, full)],
      failures: [],
    })
    expect(flatness(at(91), [measure], [0, 10])[0]!.verdict).toBe('met')
    expect(flatness(at(200), [measure], [0, 10])[0]!.verdict).toBe('met')
    expect(flatness(at(89), [measure], [0, 10])[0]!.verdict).toBe('not met')
    expect(flatness(at(91), [measure], [0])).toEqual([])
  })
})
