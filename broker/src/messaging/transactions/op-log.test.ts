import { expect, test } from '@jest/globals'
import { OpLog } from './op-log.ts'

function opLog(maxBytes = 100) {
  const written: string[] = []
  const queue = { first: 7, refuses: false, committed: Promise.resolve() as Promise<unknown> }
  const log = new OpLog({
    maxBytes: () => maxBytes,
    write: body => {
      if (queue.refuses) throw new Error('the disk is full')
      return { queueOffset: queue.first + written.push(body) - 1, committed: queue.committed }
    },
  })
  log.reset(7)
  return { log, written, queue }
}

test('what is decided is written together, and is needed until the half queue’s base has passed it', () => {
  const { log, written } = opLog()
  expect(log.neededFrom(0)).toBe(7)
  for (const offset of [3, 1]) log.add(offset)
  log.flush()
  log.add(2)
  log.flush()
  log.flush()
  expect(written).toEqual(['3,1,', '2,'])
  expect(log.neededFrom(2)).toBe(7)
  expect(log.neededFrom(3)).toBe(7)
  expect(log.neededFrom(4)).toBe(9)
})

test('an op message that is full is written at once', () => {
  const { log, written } = opLog(6)
  for (const offset of [10, 11, 12, 13, 14]) log.add(offset)
  expect(written).toEqual(['10,11,', '12,13,'])
  expect(log.waiting).toBe(true)
})

test('a store that takes nothing loses nothing', () => {
  const { log, written, queue } = opLog(6)
  queue.refuses = true
  for (const offset of [10, 11, 12, 13, 14]) log.add(offset)
  expect(() => log.flush()).toThrow('the disk is full')
  queue.refuses = false
  log.flush()
  expect(written).toEqual(['10,11,', '12,13,', '14,'])
  expect(log.waiting).toBe(false)
})

test('an op message that the disk refused is written again', async () => {
  const { log, written, queue } = opLog()
  queue.committed = Promise.reject(new Error('the disk is full'))
  log.add(10)
  log.add(11)
  log.flush()
  await new Promise(setImmediate)
  expect(log.waiting).toBe(true)
  expect(log.neededFrom(0)).toBe(7)
  queue.committed = Promise.resolve()
  written.length = 0
  log.flush()
  expect(written).toEqual(['10,11,'])
  expect([log.neededFrom(11), log.neededFrom(12)]).toEqual([7, 8])
})
