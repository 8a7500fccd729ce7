import type { OpenFiles } from '../open-files.ts'
import type { Segment } from './segments.ts'
import { isSparseUnit, SPARSE_UNIT_SIZE, sparseQueueOffset } from './sparse-unit.ts'

/** Entries read at once: 23 KiB. */
const WINDOW_UNITS = 512
/** All windows together hold at most 1.5 MiB. */
const MAX_WINDOWS = 64

/** Consecutive entries of one segment: `count` from byte `start` of `buffer`. */
export interface SparseUnits {
  readonly count: number
  readonly buffer: Buffer
  readonly start: number
}

/** What is in a queue file is no entry, or not one of its segment. */
export class DamagedUnits extends Error {
  override readonly name = 'DamagedUnits'
  readonly segment: Segment

  constructor(segment: Segment, index: number) {
    super(`${segment.cqPath}: entry ${index} is damaged`)
    this.segment = segment
  }
}

/** Windows of sparse consume queues as they were read, for readers that go through a queue a few messages at a time. */
export class UnitCache {
  readonly #files: OpenFiles
  /** In order of use, the oldest first. */
  readonly #windows = new Map<string, { count: number; buffer: Buffer }>()

  constructor(files: OpenFiles) {
    this.#files = files
  }

  /**
   * Entries from `index` on: at least one, as far as the window has them. Rejects with DiskError, and with
   * DamagedUnits when others than the segment's are there.
   */
  async from(segment: Segment, index: number): Promise<SparseUnits> {
    const first = index - (index % WINDOW_UNITS)
    const key = `${segment.id}:${first}`
    let window = this.#windows.get(key)
    if (window === undefined || window.count <= index - first) window = await this.#load(segment, first)
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= MAX_WINDOWS) break
      this.#windows.delete(oldest)
    }
    const skip = index - first
    if (skip >= window.count) throw new DamagedUnits(segment, index)
    return { count: window.count - skip, buffer: window.buffer, start: skip * SPARSE_UNIT_SIZE }
  }

  async #load(segment: Segment, first: number): Promise<{ count: number; buffer: Buffer }> {
    const wanted = Math.min(WINDOW_UNITS, segment.units - first)
    const buffer = Buffer.alloc(wanted * SPARSE_UNIT_SIZE)
    const length = await this.#files.use(segment.cqPath, file => file.read(buffer, first * SPARSE_UNIT_SIZE))
    const count = Math.floor(length / SPARSE_UNIT_SIZE)
    let before = -1
    for (let i = 0; i < count; i++) {
      const at = i * SPARSE_UNIT_SIZE
      const offset = sparseQueueOffset(buffer, at)
      if (!isSparseUnit(buffer, at) || offset <= before || offset < segment.firstOffset || offset > segment.lastOffset)
        throw new DamagedUnits(segment, first + i)
      before = offset
    }
    return { count, buffer }
  }

  /** Index of the segment's first entry at or behind `queueOffset`, which is not behind its last one. Rejects as `from`. */
  async indexOf(segment: Segment, queueOffset: number): Promise<number> {
    let low = 0
    let high = segment.units - 1
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const { buffer, start } = await this.from(segment, middle)
      if (sparseQueueOffset(buffer, start) >= queueOffset) high = middle
      else low = middle + 1
    }
    return low
  }

  /** After a segment's queue file was written anew. */
  forget(segment: Segment): void {
    for (const key of this.#windows.keys()) if (key.startsWith(`${segment.id}:`)) this.#windows.delete(key)
  }
}
