import { CQ_UNIT_SIZE, putUnit } from './cq-unit.ts'
import type { CompactedQueue } from './get-message.ts'

/** Consecutive entries of one consume queue: `count` units of 20 bytes from byte `start` of `buffer`. */
export interface Units {
  readonly count: number
  readonly buffer: Uint8Array
  readonly start: number
}

/** Entries of one full chunk of a tail: just below 64 KiB. */
export const CHUNK_UNITS = 3276
const FIRST_CHUNK_UNITS = 16

/** A queue's newest entries, in memory: those that the disk does not have yet, and some that it has for readers that keep up. */
class Tail {
  /** Queue offset of the first entry of `chunks[0]`. */
  start: number
  /** All but the last are full. Bytes once written are never changed, so readers and writers may hold views. */
  readonly chunks: Buffer[]
  last: Buffer
  /** Bytes taken of `last`. */
  used = 0

  constructor(start: number) {
    this.start = start
    // allocUnsafeSlow: a slice of Node's shared pool would keep its 8 KiB alive.
    this.last = Buffer.allocUnsafeSlow(FIRST_CHUNK_UNITS * CQ_UNIT_SIZE)
    this.chunks = [this.last]
  }

  grow(): void {
    const { last, chunks } = this
    if (last.length < CHUNK_UNITS * CQ_UNIT_SIZE) {
      const larger = Buffer.allocUnsafeSlow(Math.min(last.length * 4, CHUNK_UNITS * CQ_UNIT_SIZE))
      larger.set(last)
      chunks[chunks.length - 1] = larger
      this.last = larger
    } else {
      this.last = Buffer.allocUnsafeSlow(CHUNK_UNITS * CQ_UNIT_SIZE)
      chunks.push(this.last)
      this.used = 0
    }
  }
}

/**
 * One queue as memory knows it. Plain values only: an idle queue has no tail and costs a couple of hundred bytes.
 * Offsets are queue offsets (entries) unless they are called physical.
 */
export class ConsumeQueue {
  readonly topic: string
  readonly queueId: number
  /** The first entry that points to a message which the log still has. */
  minOffset = 0
  /** Physical offset of the entry at minOffset; -1 when it is not known. */
  minPhysicalOffset = -1
  /** One behind the newest entry. */
  maxOffset = 0
  /** What the next message gets: ahead of maxOffset by the messages on their way into the log. */
  nextOffset = 0
  /** Entries below it are on stable storage. */
  flushedOffset = 0
  /** Where the newest entry's message ends in the log; -1 when the queue has none (blanks do not count). */
  maxPhysicalOffset = -1
  /** Files from `firstFile` up to `filesEnd` exist; both count entries, as the files' names count bytes. Equal: none. */
  firstFile = 0
  filesEnd = 0
  tail: Tail | undefined
  /** What there is of it beside the log, when it belongs to a compaction topic. */
  compacted: CompactedQueue | undefined
  /** In the list of those that the next flush looks at. */
  listed = false
  deleted = false

  constructor(topic: string, queueId: number) {
    this.topic = topic
    this.queueId = queueId
  }

  get isDirty(): boolean {
    return this.flushedOffset < this.maxOffset
  }

  get dirtyBytes(): number {
    return (this.maxOffset - this.flushedOffset) * CQ_UNIT_SIZE
  }

  /** Bytes held, flushed or not. */
  get memoryBytes(): number {
    const { tail } = this
    return tail === undefined ? 0 : (tail.chunks.length - 1) * CHUNK_UNITS * CQ_UNIT_SIZE + tail.last.length
  }

  /**
   * Takes an entry; one the queue has already is ignored, as recovery hands over much of the log again.
   * Returns whether it was new. Throws RangeError when entries in between are missing.
   */
  put(queueOffset: number, physicalOffset: number, sizeBytes: number, tagsCode: number, unitsPerFile: number): boolean {
    const end = physicalOffset + sizeBytes
    if (queueOffset !== this.maxOffset) {
      if (queueOffset < this.maxOffset) return false
      if (end <= this.maxPhysicalOffset) return false
      this.#startAt(queueOffset, unitsPerFile)
    } else if (end <= this.maxPhysicalOffset) return false
    let { tail } = this
    if (tail === undefined) tail = this.tail = new Tail(queueOffset)
    else if (tail.used === tail.last.length) tail.grow()
    putUnit(tail.last, tail.used, physicalOffset, sizeBytes, tagsCode)
    tail.used += CQ_UNIT_SIZE
    if (this.minOffset === queueOffset) this.minPhysicalOffset = physicalOffset
    this.maxOffset = queueOffset + 1
    if (this.nextOffset <= queueOffset) this.nextOffset = queueOffset + 1
    this.maxPhysicalOffset = end
    return true
  }

  /** Lets the next message of a queue that has none get `offset`. */
  startEmptyAt(offset: number, unitsPerFile: number): void {
    this.#startAt(offset, unitsPerFile)
    this.nextOffset = offset
  }

  /** A queue without a message may start anywhere: its file is filled with blanks up to there (ConsumeQueue.java#fillPreBlank). */
  #startAt(queueOffset: number, unitsPerFile: number): void {
    if (this.maxPhysicalOffset >= 0)
      throw new RangeError(
        `queue ${this.topic}-${this.queueId} got entry ${queueOffset}; the next one is ${this.maxOffset}: entries are missing in between`,
      )
    this.tail = undefined
    if (this.firstFile === this.filesEnd) {
      this.firstFile = queueOffset - (queueOffset % unitsPerFile)
      this.filesEnd = this.firstFile
      this.flushedOffset = this.firstFile
    }
    this.minOffset = queueOffset
    this.maxOffset = queueOffset
  }

  /** Queue offset of the first entry in memory; maxOffset when there is none. */
  get memoryStart(): number {
    return this.tail === undefined ? this.maxOffset : this.tail.start
  }

  /** Entries from memory: at least one, up to `count`, as far as they lie together. `offset` lies in [memoryStart, maxOffset). */
  view(offset: number, count: number): Units {
    const tail = this.tail!
    const index = offset - tail.start
    const chunkIndex = Math.floor(index / CHUNK_UNITS)
    const at = index - chunkIndex * CHUNK_UNITS
    const inChunk = Math.min(CHUNK_UNITS, this.maxOffset - tail.start - chunkIndex * CHUNK_UNITS) - at
    return { count: Math.min(count, inChunk), buffer: tail.chunks[chunkIndex]!, start: at * CQ_UNIT_SIZE }
  }

  /** Adds the bytes of entries `from` to `to`, all in memory, to `into`. */
  collect(from: number, to: number, into: Uint8Array[]): void {
    while (from < to) {
      const { count, buffer, start } = this.view(from, to - from)
      into.push(buffer.subarray(start, start + count * CQ_UNIT_SIZE))
      from += count
    }
  }

  /** Frees entries that the disk has, all but the newest `keepChunks` chunks; 0 frees a fully flushed tail altogether. */
  shrink(keepChunks: number): void {
    const { tail } = this
    if (tail === undefined) return
    if (keepChunks === 0 && !this.isDirty) {
      this.tail = undefined
      return
    }
    while (tail.chunks.length > Math.max(1, keepChunks) && tail.start + CHUNK_UNITS <= this.flushedOffset) {
      tail.chunks.shift()
      tail.start += CHUNK_UNITS
    }
  }

  /** Takes back everything from `offset` on; what is left is all on the disk. */
  cutTo(offset: number, maxPhysicalOffset: number): void {
    this.tail = undefined
    this.maxOffset = offset
    this.nextOffset = offset
    this.flushedOffset = offset
    this.maxPhysicalOffset = maxPhysicalOffset
    if (this.minOffset >= offset) {
      this.minOffset = offset
      this.minPhysicalOffset = -1
    }
  }
}
