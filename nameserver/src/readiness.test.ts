import { expect, test } from '@jest/globals'
import { READY_AFTER_MS, Readiness } from './readiness.ts'

const registered =
  (...names: string[]) =>
  (name: string) =>
    names.includes(name)

test('ready when every expected group has registered, and then for good', () => {
  const readiness = new Readiness(['a', 'b'], 1000)
  expect(readiness.waitingFor(registered(), 1000)).toEqual(['a', 'b'])
  expect(readiness.waitingFor(registered('a'), 2000)).toEqual(['b'])
  expect(readiness.waitingFor(registered('a', 'b'), 3000)).toEqual([])
  expect(readiness.waitingFor(registered(), 4000)).toEqual([])
})

test('ready after 10 s whoever is missing, and at once when nobody is expected', () => {
  const readiness = new Readiness(['a'], 1000)
  expect(readiness.waitingFor(registered(), 1000 + READY_AFTER_MS - 1)).toEqual(['a'])
  expect(readiness.waitingFor(registered(), 1000 + READY_AFTER_MS)).toEqual([])
  expect(new Readiness([], 0).waitingFor(registered(), 0)).toEqual([])
})
