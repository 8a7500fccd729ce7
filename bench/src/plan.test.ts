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

test('with an empty store each has a broker of its own; a filled one is shared', () => {
  expect(shape(plan(measures, [0, 10], false))).toEqual(['0: a', '0: b', '0: c', '0: d', '10: a d', '10: b'])
})

test('in a hurry they share by setting', () => {
  expect(shape(plan(measures, [0], true))).toEqual(['0: a c d', '0: b'])
})
