import { BLANK_MAGIC, BLANK_SIZE, getInt, MIN_RECORD_SIZE } from '@rocketcluster/protocol/internal'
import { LinkProtocolError } from './classic-frames.ts'

/** No record is longer; keeps a damaged length from costing a GiB of memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024
const NOTHING = Buffer.alloc(0)

/** Whole records, one behind the other, and at their end perhaps the head of a blank. */
export interface RecordRun {
  /** Physical offset of the first byte. */
  readonly start: number
  readonly records: Buffer
}

/**
 * Cuts the bytes of a log, which a master sends as it likes, at the boundaries of records: a log must not end within one.
 * Looks at sizes only; who takes the records over checks them.
 */
export class RecordAssembler {
  /** Physical offset of the first byte that was not handed on. */
  #start: number
  /** The beginning of a record. */
  #pending: Buffer = NOTHING
  /** Bytes of a blank that are still to come and mean nothing. */
  #skip = 0

  /** `have`: bytes that are known to be there from `start` on. */
  constructor(start: number, have: Buffer = NOTHING) {
    this.#start = start
    this.#pending = have
  }

  /** Physical offset of the next byte that it expects. */
  get expects(): number {
    return this.#start + this.#pending.length
  }

  /** The bytes that follow. Returns the whole records that there are now; the buffers are its own or the chunk. Throws LinkProtocolError. */
  feed(chunk: Buffer): RecordRun[] {
    const runs: RecordRun[] = []
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    this.#pending = NOTHING
    while (bytes.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length)
        this.#skip -= skipped
        this.#start += skipped
        bytes = bytes.subarray(skipped)
        continue
      }
      const { end, blank } = this.#wholeRecords(bytes)
      if (end > 0) {
        runs.push({ start: this.#start, records: bytes.subarray(0, end) })
        this.#start += end
        this.#skip = Math.max(0, blank - BLANK_SIZE)
        bytes = bytes.subarray(end)
      }
      if (blank === 0) break
    }
    // The chunk may be large, and what is left of it small.
    if (bytes.length > 0) this.#pending = Buffer.from(bytes)
    return runs
  }

  /** Where the whole records in `bytes` end; `blank` is the size of a blank whose head comes last in them. */
  #wholeRecords(bytes: Buffer): { end: number; blank: number } {
    let at = 0
    while (at + BLANK_SIZE <= bytes.length) {
      const size = getInt(bytes, at)
      const isBlank = getInt(bytes, at + 4) === BLANK_MAGIC
      if (size < (isBlank ? BLANK_SIZE : MIN_RECORD_SIZE) || (!isBlank && size > MAX_RECORD_BYTES))
        throw new LinkProtocolError(`a record of ${size} bytes at ${this.#start + at}`)
      if (isBlank) return { end: at + BLANK_SIZE, blank: size }
      if (at + size > bytes.length) break
      at += size
    }
    return { end: at, blank: 0 }
  }
}
