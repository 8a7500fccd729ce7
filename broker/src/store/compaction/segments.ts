import { BLANK_SIZE, encodeBlank, putLong, recordOffsets } from '@rocketcluster/protocol/internal'
import type { Disk } from '@rocketcluster/world'
import { offsetToFileName } from '../log-files.ts'
import { makeDurableDirectory } from '../make-directory.ts'
import type { OpenFiles } from '../open-files.ts'
import type { FileSizes } from './file-sizes.ts'
import { putEndUnit, putSparseUnit, SPARSE_UNIT_SIZE } from './sparse-unit.ts'

/** Most bytes of records that one write takes. */
const WRITE_BYTES = 1024 * 1024

/** Most bytes that wait for a sync. */
const SYNC_BYTES = 4 * 1024 * 1024

/** A message to be kept: its record as it is elsewhere. */
export interface Kept {
  readonly record: Uint8Array
  readonly queueOffset: number
  readonly tagsCode: number
  readonly storeTimestamp: number
}

let nextId = 0

/** A file of a compaction log together with the queue file of the same name: messages in rising order of queue offsets. */
export class Segment {
  readonly id = nextId++
  /** Offset in the compaction log of the first byte; also the name of both files. */
  readonly start: number
  /** Where the files are now: those that a compaction made move when it is done. */
  logPath: string
  cqPath: string
  /** Entries. */
  units = 0
  /** Queue offsets of the first and the last message; -1 without any. */
  firstOffset = -1
  lastOffset = -1
  /** Offset in the compaction log behind the last record. */
  end: number
  /** Nothing is added any more. */
  sealed = false

  constructor(start: number, directories: Directories) {
    this.start = start
    this.end = start
    const name = offsetToFileName(start)
    this.logPath = `${directories.log}/${name}`
    this.cqPath = `${directories.cq}/${name}`
  }

  get name(): string {
    return offsetToFileName(this.start)
  }

  get bytes(): number {
    return this.end - this.start
  }
}

/** Where the two files of a name lie. */
export interface Directories {
  readonly log: string
  readonly cq: string
}

export interface SegmentParts {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly sizes: FileSizes
}

/**
 * The segments of one queue, or those that a compaction makes of them. Adding to them is for one caller at a time. A failure
 * leaves the list as it was before the write that failed; what that left in the files lies behind its end and is overwritten.
 */
export class Segments {
  readonly directories: Directories
  /** In the order of their offsets. */
  list: Segment[]
  readonly #parts: SegmentParts
  /** Syncs each write, and each queue file only after its records: an entry that is there points to a record that is there. */
  readonly #durable: boolean
  #madeDirectories = false
  #unsyncedBytes = 0

  constructor(parts: SegmentParts, directories: Directories, durable: boolean, list: Segment[] = []) {
    this.#parts = parts
    this.directories = directories
    this.#durable = durable
    this.list = list
  }

  /** Adds messages behind all others; a new segment begins where they do not fit. Rejects with DiskError. */
  async append(messages: readonly Kept[]): Promise<void> {
    for (let from = 0; from < messages.length; ) {
      let segment = this.list.at(-1)
      const isNew = segment === undefined || segment.sealed || !this.#fits(segment, 0, 0, messages[from]!)
      if (segment === undefined || isNew) {
        await this.seal()
        segment = await this.#create()
      }
      let bytes = 0
      let count = 0
      for (; from + count < messages.length && bytes < WRITE_BYTES; count++) {
        const message = messages[from + count]!
        if (!this.#fits(segment, bytes, count, message)) break
        bytes += message.record.length
      }
      if (count === 0)
        throw new RangeError(`a message of ${messages[from]!.record.length} bytes is longer than a compaction log file`)
      await this.#write(segment, messages.slice(from, from + count), bytes)
      // Only now: there is no segment without a message.
      if (isNew) this.list.push(segment)
      from += count
    }
  }

  /** CompactionLog.java#doAppend: room for a filler stays in the log file, and for an end mark in the queue file. */
  #fits(segment: Segment, bytes: number, count: number, { record }: Kept): boolean {
    const { logBytes, cqBytes } = this.#parts.sizes
    return (
      segment.bytes + bytes + record.length + BLANK_SIZE <= logBytes &&
      (segment.units + count + 1) * SPARSE_UNIT_SIZE < cqBytes
    )
  }

  async #write(segment: Segment, messages: readonly Kept[], bytes: number): Promise<void> {
    const { files } = this.#parts
    const log = Buffer.allocUnsafe(bytes)
    const cq = Buffer.allocUnsafe(messages.length * SPARSE_UNIT_SIZE)
    let at = 0
    for (const [i, { record, queueOffset, tagsCode, storeTimestamp }] of messages.entries()) {
      const physicalOffset = segment.end + at
      log.set(record, at)
      putLong(log, at + recordOffsets.physicalOffset, physicalOffset)
      const unit = { physicalOffset, sizeBytes: record.length, tagsCode, storeTimestamp, queueOffset }
      putSparseUnit(cq, i * SPARSE_UNIT_SIZE, unit)
      at += record.length
    }
    this.#unsyncedBytes += bytes
    await files.use(segment.logPath, async file => {
      await file.write([log], segment.bytes)
      // Not all at the end, which would keep others waiting that sync.
      if (!this.#durable && this.#unsyncedBytes < SYNC_BYTES) return
      await file.sync()
      this.#unsyncedBytes = 0
    })
    await files.use(segment.cqPath, async file => {
      await file.write([cq], segment.units * SPARSE_UNIT_SIZE)
      if (this.#durable) await file.sync()
    })
    if (segment.units === 0) segment.firstOffset = messages[0]!.queueOffset
    segment.units += messages.length
    segment.lastOffset = messages.at(-1)!.queueOffset
    segment.end += bytes
  }

  /** Closes the last segment: what follows goes into a new one. Everything in it is on stable storage then. Rejects with DiskError. */
  async seal(): Promise<void> {
    const segment = this.list.at(-1)
    if (segment === undefined || segment.sealed) return
    const { files, sizes } = this.#parts
    const blank = Buffer.alloc(BLANK_SIZE)
    encodeBlank(blank, 0, sizes.logBytes - segment.bytes)
    const end = Buffer.alloc(SPARSE_UNIT_SIZE)
    putEndUnit(end, 0)
    await files.use(segment.logPath, async file => {
      await file.write([blank], segment.bytes)
      await file.sync()
    })
    await files.use(segment.cqPath, async file => {
      await file.write([end], segment.units * SPARSE_UNIT_SIZE)
      await file.sync()
    })
    segment.sealed = true
  }

  async #create(): Promise<Segment> {
    const { disk, files, sizes } = this.#parts
    const { log, cq } = this.directories
    if (!this.#madeDirectories) {
      await makeDurableDirectory(disk, log)
      await makeDurableDirectory(disk, cq)
      this.#madeDirectories = true
    }
    const last = this.list.at(-1)
    const segment = new Segment(last === undefined ? 0 : last.start + sizes.logBytes, this.directories)
    for (const [path, sizeBytes] of [
      [segment.logPath, sizes.logBytes],
      [segment.cqPath, sizes.cqBytes],
    ] as const) {
      await files.forget(path)
      const file = await disk.open(path, 'create')
      try {
        // Nothing of what an attempt that failed may have left.
        await file.truncate(0)
        await file.truncate(sizeBytes)
        await file.sync()
      } finally {
        await file.close()
      }
    }
    await disk.syncDirectory(log)
    await disk.syncDirectory(cq)
    return segment
  }
}
