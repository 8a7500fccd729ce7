import type { LogStretch } from '../replication/replicated-log.ts'
import type { CommitLog } from './commit-log.ts'
import type { Slab } from './hot-tail.ts'
import type { LogFiles } from './log-files.ts'

/** What the end of a file is made of, behind a blank's head. */
const ZEROS = Buffer.alloc(256 * 1024)
/** Reads under way at once: replicas that catch up must not take the disk from readers and writers. */
const MAX_READS = 2

const nothing = (physicalOffset: number): LogStretch => ({
  start: physicalOffset,
  slices: [],
  end: physicalOffset,
  release() {},
})

/** The log as bytes, for replicas: from the hot tail without a copy, or read from the files past the blocks that consumers share. */
export class LogReader {
  readonly #files: LogFiles
  readonly #log: CommitLog
  readonly #waiting: (() => void)[] = []
  #reads = 0

  constructor(files: LogFiles, log: CommitLog) {
    this.#files = files
    this.#log = log
  }

  /** As `ReplicatedLog.readLog`. */
  read(physicalOffset: number, maxBytes: number): LogStretch | Promise<LogStretch> {
    const { written, tail } = this.#log
    const min = this.#files.minOffset
    if (physicalOffset < min || physicalOffset > written)
      throw new RangeError(`the log has nothing at ${physicalOffset}; it goes from ${min} to ${written}`)
    const fileEnd = this.#files.startOf(physicalOffset) + this.#files.fileSizeBytes
    const end = Math.min(physicalOffset + maxBytes, fileEnd, written)
    if (end === physicalOffset) return nothing(physicalOffset)
    return physicalOffset >= tail.start ? this.#hot(physicalOffset, end) : this.#cold(physicalOffset, end)
  }

  #hot(from: number, to: number): LogStretch {
    const slices: Uint8Array[] = []
    const leased: Slab[] = []
    let at = from
    for (const slab of this.#log.tail.slabs) {
      if (slab.end <= at) continue
      if (slab.start >= to) break
      at = zeros(slices, at, slab.start)
      const end = Math.min(slab.end, to)
      slices.push(slab.buffer.subarray(at - slab.start, end - slab.start))
      slab.readers++
      leased.push(slab)
      at = end
    }
    const end = zeros(slices, at, to)
    const release = () => {
      for (const slab of leased.splice(0)) slab.readers--
    }
    return { start: from, slices, end, release }
  }

  async #cold(from: number, to: number): Promise<LogStretch> {
    if (this.#reads >= MAX_READS) await new Promise<void>(resolve => this.#waiting.push(resolve))
    this.#reads++
    try {
      const file = this.#files.find(from)
      if (file === undefined) throw new RangeError(`the log has nothing at ${from} any more`)
      const buffer = Buffer.allocUnsafe(to - from)
      const read = await this.#files.use(file, handle => handle.read(buffer, from - file.start))
      return { start: from, slices: [buffer.subarray(0, read)], end: from + read, release() {} }
    } finally {
      this.#reads--
      this.#waiting.shift()?.()
    }
  }
}

/** Fills from `from` to `to`; the hot tail does not keep what is behind a blank's head. */
function zeros(slices: Uint8Array[], from: number, to: number): number {
  for (let at = from; at < to; at += ZEROS.length) slices.push(ZEROS.subarray(0, Math.min(ZEROS.length, to - at)))
  return Math.max(from, to)
}
