import { Buffer } from 'node:buffer'
import { expect, test } from '@jest/globals'
import type { Clock } from '@rocketcluster/world'
import fc from 'fast-check'
import { Outbox, OutboxPool } from './outbox.ts'

test('what is taken is what was added, in order, however outboxes that share a pool interleave', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          box: fc.nat(2),
          size: fc.oneof(fc.nat(40), fc.integer({ min: 1900, max: 5000 }), fc.integer({ min: 60_000, max: 70_000 })),
          reserved: fc.boolean(),
          take: fc.integer({ min: 0, max: 9 }),
        }),
        { maxLength: 60 },
      ),
      steps => {
        const pool = new OutboxPool(undefined as unknown as Clock)
        const boxes = [0, 1, 2].map(() => new Outbox(pool))
        const added: Buffer[][] = [[], [], []]
        const taken: Uint8Array[][] = [[], [], []]
        steps.forEach(({ box, size, reserved, take }, i) => {
          const piece = Buffer.alloc(size, i + 1)
          added[box]!.push(piece)
          const outbox = boxes[box]!
          if (reserved && size > 0) {
            const at = outbox.reserve(size + 10)
            piece.copy(outbox.slab, at)
            outbox.commit(size)
          } else outbox.add(piece)
          if (take === 0) taken[box]!.push(...outbox.take())
        })
        for (const [i, outbox] of boxes.entries()) {
          const { bytes } = outbox
          const rest = outbox.take()
          expect(rest.reduce((sum, { length }) => sum + length, 0)).toBe(bytes)
          taken[i]!.push(...rest)
          expect(Buffer.concat(taken[i]!).equals(Buffer.concat(added[i]!))).toBe(true)
        }
      },
    ),
  ))

test('neighbours in the slab are one buffer', () => {
  const outbox = new Outbox(new OutboxPool(undefined as unknown as Clock))
  for (let i = 0; i < 64; i++) outbox.add(Buffer.alloc(100, i))
  expect(outbox.take().map(({ length }) => length)).toEqual([6400])
})
