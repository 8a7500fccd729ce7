import type { Random } from '../random.ts'

/** xoshiro128** (Blackman and Vigna), its state spread from a seed by splitmix32. Not for secrets: it exists to be repeated. */
export class SimRandom implements Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed` is any non-negative safe integer. */
  constructor(seed: number) {
    let state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b9)) | 0
    const spread = () => {
      state = (state + 0x9e3779b9) | 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return z ^ (z >>> 15)
    }
    this.#a = spread()
    this.#b = spread()
    this.#c = spread()
    this.#d = spread() | 1 // a state of zeros only would stay there
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const result = Math.imul(rotated(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotated(this.#d, 11)
    return result
  }

  next(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53
  }

  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1)
      throw new RangeError(`int(${bound}): bound must be an integer from 1`)
    return Math.floor(this.next() * bound)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.bits()
    return bytes
  }

  /** A float in [least, most). */
  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)]!
  }

  /** A generator of its own, so that what one part draws does not shift what another part sees. */
  fork(label: string): SimRandom {
    let hash = this.bits()
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193)
    return new SimRandom(hash >>> 0)
  }
}

const rotated = (value: number, by: number) => (value << by) | (value >>> (32 - by))
