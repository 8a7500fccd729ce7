import type { LogFile, LogFiles } from './log-files.ts'
import type { StoreStats } from './stats.ts'

/** Memory that results point into: a slab of the hot tail, or a block read from the disk. */
export interface Leased {
  readonly buffer: Buffer
  /** Physical offset of the buffer's first byte. */
  readonly start: number
  /** Physical offset behind the last byte that means something. */
  readonly end: number
  readers: number
}

/** A stretch of the log as it was read from the disk. */
export class Block implements Leased {
  readonly buffer: Buffer
  readonly start: number
  /** Physical offset behind the last byte that was read. */
  readonly end: number
  readers = 0
  /** Somebody has asked for it; a block read ahead has not been yet. */
  touched = false

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer
    this.start = start
    this.end = end
  }
}

interface Loading {
  /** Where the log ended when the read was decided. */
  readonly end: number
  /** Who waits for the block. */
  readers: number
  block: Promise<Block | undefined>
}

/** What a record may take beyond the block it begins in and still be found there; longer ones are read one by one. */
const OVERHANG = 64 * 1024

/**
 * Older parts of the log, read in large pieces: all queues whose messages lie in a block share one read, whoever comes
 * first. A reader that goes through the log in order finds the next block read ahead. A few reads run at a time, and the
 * writer waits for none of them.
 */
export class ColdBlocks {
  readonly #files: LogFiles
  readonly #stats: StoreStats
  readonly #blockSizeBytes: number
  readonly #maxBlocks: number
  readonly #maxConcurrent: number
  /** Offset up to which the files hold the log. */
  readonly #written: () => number
  /** Where the hot tail begins: nothing is read ahead of there. */
  readonly #hotStart: () => number
  /** By start; the least recently used first. */
  readonly #blocks = new Map<number, Block>()
  readonly #loading = new Map<number, Loading>()
  readonly #free: Buffer[] = []
  #running = 0
  readonly #queue: (() => void)[] = []

  constructor(
    files: LogFiles,
    stats: StoreStats,
    options: {
      cacheBytes: number
      blockBytes: number
      maxConcurrent: number
      written: () => number
      hotStart: () => number
    },
  ) {
    this.#files = files
    this.#stats = stats
    this.#blockSizeBytes = options.blockBytes
    this.#maxBlocks = Math.max(2, Math.floor(options.cacheBytes / (options.blockBytes + OVERHANG)))
    this.#maxConcurrent = options.maxConcurrent
    this.#written = options.written
    this.#hotStart = options.hotStart
  }

  /** Start of the block in which a record at `physicalOffset` begins. Blocks never cross the end of a file. */
  startOf(physicalOffset: number): number {
    const inFile = physicalOffset % this.#files.fileSizeBytes
    return physicalOffset - (inFile % this.#blockSizeBytes)
  }

  /** Whether a block can hold the record whole. */
  fits(physicalOffset: number, sizeBytes: number): boolean {
    return physicalOffset - this.startOf(physicalOffset) + sizeBytes <= this.#blockSizeBytes + OVERHANG
  }

  /** The block that holds the record whole, when it is in memory. */
  find(physicalOffset: number, sizeBytes: number): Block | undefined {
    const start = this.startOf(physicalOffset)
    const block = this.#blocks.get(start)
    if (block === undefined || physicalOffset + sizeBytes > block.end) return undefined
    if (!block.touched) {
      block.touched = true
      this.#blocks.delete(start)
      this.#blocks.set(start, block)
      this.#readAhead(block)
    }
    return block
  }

  /** Reads the block that begins at `start`, at least up to `neededEnd`, and counts the caller among its readers. Throws DiskError. */
  async lease(start: number, neededEnd: number): Promise<Block | undefined> {
    return this.#load(start, neededEnd, 1)
  }

  #load(start: number, neededEnd: number, readers: number): Promise<Block | undefined> {
    let loading = this.#loading.get(start)
    // A read that began when the log was shorter does not bring what has been written since.
    if (loading === undefined || loading.end < neededEnd) {
      // Those who wait count as readers from the moment the block exists: it must not be evicted before they wake up.
      loading = { end: this.#endOf(start), readers: 0, block: undefined as unknown as Promise<Block | undefined> }
      this.#loading.set(start, loading)
      loading.block = this.#read(start, loading)
    }
    loading.readers += readers
    return loading.block
  }

  #endOf(start: number): number {
    const fileEnd = this.#files.startOf(start) + this.#files.fileSizeBytes
    return Math.min(start + this.#blockSizeBytes + OVERHANG, fileEnd, this.#written())
  }

  async #read(start: number, loading: Loading): Promise<Block | undefined> {
    await this.#enter()
    try {
      const { end } = loading
      const file = this.#files.find(start)
      if (file === undefined || end <= start) return undefined
      const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#blockSizeBytes + OVERHANG)
      const length = await this.#readFile(file, buffer.subarray(0, end - start), start)
      this.#stats.coldReads++
      this.#stats.coldReadBytes += length
      const block = new Block(buffer, start, start + length)
      block.readers = loading.readers
      block.touched = loading.readers > 0
      this.#evict()
      this.#blocks.set(start, block)
      if (block.touched) this.#readAhead(block)
      return block
    } finally {
      if (this.#loading.get(start) === loading) this.#loading.delete(start)
      this.#leave()
    }
  }

  /** One exact read, for a record or a few that lie close together. Throws DiskError. */
  async read(start: number, sizeBytes: number): Promise<Block | undefined> {
    await this.#enter()
    try {
      const file = this.#files.find(start)
      if (file === undefined) return undefined
      const buffer = Buffer.allocUnsafeSlow(sizeBytes)
      const length = await this.#readFile(file, buffer, start)
      this.#stats.coldReads++
      this.#stats.coldReadBytes += length
      return new Block(buffer, start, Math.min(start + length, this.#written()))
    } finally {
      this.#leave()
    }
  }

  async #readFile(file: LogFile, into: Buffer, start: number): Promise<number> {
    try {
      return await this.#files.use(file, handle => handle.read(into, start - file.start))
    } catch (error) {
      // Deleted by retention between our look and the open.
      if (this.#files.find(start) !== file) return 0
      throw error
    }
  }

  /** The block before was in memory too: somebody goes through the log in order. */
  #readAhead(block: Block): void {
    if (!this.#blocks.has(block.start - this.#blockSizeBytes)) return
    const next = block.start + this.#blockSizeBytes
    if (next >= Math.min(this.#written(), this.#hotStart())) return
    if (
      this.#blocks.has(next) ||
      this.#running >= this.#maxConcurrent ||
      this.#files.startOf(next) !== this.#files.startOf(block.start)
    )
      return
    // Should it fail, whoever needs the block will hear of it.
    this.#load(next, next, 0).catch(() => {})
  }

  #evict(): void {
    for (const [start, block] of this.#blocks) {
      if (this.#blocks.size < this.#maxBlocks) return
      this.#blocks.delete(start)
      // Still read by somebody: left to the garbage collector, never written again.
      if (block.readers === 0 && this.#free.length < 2) this.#free.push(block.buffer)
    }
  }

  /** Forgets what lies before `physicalOffset`, whose file is gone. */
  dropBefore(physicalOffset: number): void {
    for (const start of this.#blocks.keys()) if (start < physicalOffset) this.#blocks.delete(start)
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#maxConcurrent) {
      this.#running++
      return
    }
    // Whoever leaves hands over its place, so the count stays.
    await new Promise<void>(resolve => this.#queue.push(resolve))
  }

  #leave(): void {
    const next = this.#queue.shift()
    if (next !== undefined) next()
    else this.#running--
  }
}
