import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { NewestOffsets, newestOffsetsBytes } from './newest-offsets.ts'

test('it knows of each key the offset that was put last, and of no other key', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 3 }), { maxLength: 300 }),
      fc.string({ maxLength: 3 }),
      (keys, other) => {
        const newest = new NewestOffsets(newestOffsetsBytes(keys.length))
        const model = new Map<string, number>()
        for (const [offset, key] of keys.entries()) {
          expect(newest.put(Buffer.from(key), offset)).toBe(true)
          model.set(key, offset)
        }
        for (const key of [...keys, other]) expect(newest.get(Buffer.from(key))).toBe(model.get(key) ?? -1)
        expect(newest.size).toBe(model.size)
      },
    ),
  )
})

test('when it is full it takes known keys only, and changes nothing for another', () => {
  const newest = new NewestOffsets(0)
  let count = 0
  while (newest.put(Buffer.from(`k${count}`), count)) count++
  // A hundred places, three quarters of them filled.
  expect(count).toBe(75)
  expect(newest.memoryBytes).toBe(2400)
  expect(newest.put(Buffer.from('k3'), 1000)).toBe(true)
  expect(newest.get(Buffer.from('k3'))).toBe(1000)
  expect(newest.get(Buffer.from(`k${count}`))).toBe(-1)
})
