import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from '../random.ts'

/** randomInt of node:crypto takes bounds up to here. */
const LARGEST_CRYPTO_BOUND = 2 ** 48 - 1

/** Randomness from the operating system: ids and secrets may come from it. `next` is Math.random, for jitter and choice. */
export const nodeRandom: Random = {
  next: () => Math.random(),
  int(bound) {
    if (!Number.isSafeInteger(bound) || bound < 1)
      throw new RangeError(`int(${bound}): bound must be an integer from 1`)
    return bound <= LARGEST_CRYPTO_BOUND ? randomInt(bound) : Math.floor(Math.random() * bound)
  },
  bytes: length => randomBytes(length),
}
