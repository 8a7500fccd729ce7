import { expect, test } from '@jest/globals'
import { ASYNC_FLUSH, type Measure, SYNC_FLUSH } from './measures/measure.ts'
import { plan } from './plan.ts'

const measure = (name: string, more: Partial<Measure> = {}): Measure => ({
  name,
  title: name,
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: [],
  run: async () => ({}),
  ...more,
})
const measures = [
  measure('a'),
  measure('b', { setting: SYNC_FLUSH }),
  measure('c', { atEachStored: false }),
  measure('d'),
]
const shape = (groups: ReturnType<typeof plan>) =>
  groups.map(({ stored, measures }) => `${stored}: ${measures.map(({ name }) => name).join(' ')}`)

test('with an empty store each has a broker of its own', () => {
  expect(shape(plan(measures, [0], false))).toEqual(['0: a', '0: c', '0: d', '0: b'])
})

test('a few share a filled one; what does not depend on it is not repeated', () => {
  const many = [...measures, measure('e'), measure('f')]
  expect(shape(plan(many, [0, 10], false)).slice(-3)).toEqual(['10: a d e', '10: f', '10: b'])
})

test('in a hurry all of equal setting share one', () => {
  expect(shape(plan(measures, [0], true))).toEqual(['0: a c d', '0: b'])
})
