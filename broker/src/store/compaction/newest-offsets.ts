import { hash } from 'node:crypto'
import { getLong, putLong } from '@rocketcluster/protocol/internal'

/** 16 bytes of the key's hash, then the offset + 1: an empty place has 0 there. */
const HASH_BYTES = 16
const PLACE_BYTES = HASH_BYTES + 8
/** CompactionLog.java#OffsetMap never has fewer. */
const LEAST_PLACES = 100
/** Fuller than that, probing gets long. */
const MOST_FILLED = 0.75

/** Bytes that `count` keys need. */
export const newestOffsetsBytes = (count: number): number => Math.ceil(count / MOST_FILLED) * PLACE_BYTES

/**
 * The newest offset of each key, in a fixed amount of memory. Keys are known by 128 bits of their SHA-256 only: two keys that
 * share them do not happen, not even by intent.
 */
export class NewestOffsets {
  readonly #places: number
  readonly #most: number
  readonly #bytes: Buffer
  #size = 0

  /** At least 100 places, however little memory is allowed. */
  constructor(memoryBytes: number) {
    this.#places = Math.max(LEAST_PLACES, Math.floor(memoryBytes / PLACE_BYTES))
    this.#most = Math.floor(this.#places * MOST_FILLED)
    this.#bytes = Buffer.alloc(this.#places * PLACE_BYTES)
  }

  get size(): number {
    return this.#size
  }

  get memoryBytes(): number {
    return this.#bytes.length
  }

  /** Offsets of one key rise. Returns false, with nothing changed, when the key is new and there is no place left. */
  put(key: Uint8Array, offset: number): boolean {
    const hashed = hash('sha256', key, 'buffer')
    const at = this.#find(hashed)
    if (getLong(this.#bytes, at + HASH_BYTES) === 0) {
      if (this.#size >= this.#most) return false
      this.#size++
      hashed.copy(this.#bytes, at, 0, HASH_BYTES)
    }
    putLong(this.#bytes, at + HASH_BYTES, offset + 1)
    return true
  }

  /** -1 for a key that was not put. */
  get(key: Uint8Array): number {
    return getLong(this.#bytes, this.#find(hash('sha256', key, 'buffer')) + HASH_BYTES) - 1
  }

  /** Where the key is, or the empty place where it belongs. */
  #find(hashed: Buffer): number {
    const bytes = this.#bytes
    for (let place = hashed.readUIntBE(0, 6) % this.#places; ; place = (place + 1) % this.#places) {
      const at = place * PLACE_BYTES
      if (getLong(bytes, at + HASH_BYTES) === 0) return at
      if (hashed.compare(bytes, at, at + HASH_BYTES, 0, HASH_BYTES) === 0) return at
    }
  }
}
