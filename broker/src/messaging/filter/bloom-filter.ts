const BITS_OF_A_BYTE = 8
const MASK = (1n << 64n) - 1n
const C1 = 0x87c37b91114253d5n
const C2 = 0x4cf5ad432745937fn
const BLOCK = 16

export interface BloomFilterData {
  readonly bitNum: number
  readonly bitPos: number[]
}

/**
 * Where a consumer's bits lie in the bitmaps that an Apache broker with enableCalcFilterBitMap keeps beside its queues
 * (BloomFilter.java). Ours keeps none; it writes the positions into consumerFilter.json, which Apache does not accept
 * without.
 */
export class BloomFilter {
  readonly #hashes: number
  readonly #bits: number

  /** `errorRate` in %, from 1 to 99; `consumers` is how many are expected. */
  constructor(errorRate: number, consumers: number) {
    const rate = errorRate / 100
    this.#hashes = Math.ceil(Math.log(rate) / Math.log(0.5))
    const bits = Math.ceil(consumers * (Math.log(1 / rate) / Math.log(2)) * (Math.log(Math.E) / Math.log(2)))
    this.#bits = BITS_OF_A_BYTE * Math.ceil(bits / BITS_OF_A_BYTE)
  }

  positions(text: string): BloomFilterData {
    const hash = murmur3(Buffer.from(text, 'utf8'))
    const low = Number(hash & 0xffffffffn) | 0
    const high = Number(hash >> 32n) | 0
    const bitPos: number[] = []
    for (let i = 1; i <= this.#hashes; i++) {
      const combined = (low + Math.imul(i, high)) | 0
      bitPos.push((combined < 0 ? ~combined : combined) % this.#bits)
    }
    return { bitNum: this.#bits, bitPos }
  }
}

const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & MASK
const times = (a: bigint, b: bigint) => (a * b) & MASK

function mixed(value: bigint): bigint {
  let hash = times(value ^ (value >> 33n), 0xff51afd7ed558ccdn)
  hash = times(hash ^ (hash >> 33n), 0xc4ceb9fe1a85ec53n)
  return hash ^ (hash >> 33n)
}

/** The first half of MurmurHash3 x64 128, seed 0: what Guava's murmur3_128().asLong() gives. */
export function murmur3(bytes: Buffer): bigint {
  let h1 = 0n
  let h2 = 0n
  const blocks = bytes.length - (bytes.length % BLOCK)
  for (let at = 0; at < blocks; at += BLOCK) {
    h1 ^= times(rotate(times(bytes.readBigUInt64LE(at), C1), 31n), C2)
    h1 = (times((rotate(h1, 27n) + h2) & MASK, 5n) + 0x52dce729n) & MASK
    h2 ^= times(rotate(times(bytes.readBigUInt64LE(at + 8), C2), 33n), C1)
    h2 = (times((rotate(h2, 31n) + h1) & MASK, 5n) + 0x38495ab5n) & MASK
  }
  const rest = Buffer.alloc(BLOCK)
  bytes.copy(rest, 0, blocks)
  h2 ^= times(rotate(times(rest.readBigUInt64LE(8), C2), 33n), C1)
  h1 ^= times(rotate(times(rest.readBigUInt64LE(0), C1), 31n), C2)
  const length = BigInt(bytes.length)
  h1 ^= length
  h2 ^= length
  h1 = (h1 + h2) & MASK
  h2 = (h2 + h1) & MASK
  h1 = mixed(h1)
  h2 = mixed(h2)
  return (h1 + h2) & MASK
}
