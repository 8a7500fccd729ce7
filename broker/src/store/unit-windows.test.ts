import { expect, test } from '@jest/globals'
import type { ConsumeQueue } from './consume-queue.ts'
import { UnitWindows, WINDOW_UNITS } from './unit-windows.ts'

const queue = () => ({}) as ConsumeQueue
const units = (count: number) => ({ count, buffer: Buffer.alloc(count * 20), start: 0 })

test('entries are found from any offset inside a window, as many as it has', () => {
  const windows = new UnitWindows()
  const one = queue()
  windows.put(one, 1024, units(100))
  expect(windows.find(one, 1024, 1030, 32)).toMatchObject({ count: 32, start: 6 * 20 })
  expect(windows.find(one, 1024, 1120, 32)).toMatchObject({ count: 4, start: 96 * 20 })
  expect(windows.find(one, 1024, 1124, 32)).toBeUndefined()
  expect(windows.find(one, 0, 5, 32)).toBeUndefined()
  expect(windows.find(queue(), 1024, 1030, 32)).toBeUndefined()
})

test('a window that was read again replaces the one before, and a forgotten queue has none', () => {
  const windows = new UnitWindows()
  const one = queue()
  windows.put(one, 0, units(10))
  windows.put(one, 0, units(20))
  expect(windows.find(one, 0, 15, 32)).toMatchObject({ count: 5 })
  windows.forget(one)
  expect(windows.find(one, 0, 0, 32)).toBeUndefined()
})

test('the queue that was read longest ago loses its windows first', () => {
  const windows = new UnitWindows()
  const queues = Array.from({ length: 200 }, queue)
  for (const one of queues) windows.put(one, 0, units(WINDOW_UNITS))
  const kept = queues.filter(one => windows.find(one, 0, 0, 1) !== undefined)
  expect(kept).toEqual(queues.slice(-128))
})
