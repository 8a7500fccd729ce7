import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Disk, DiskFile } from '@rocketcluster/world'
import type { OpenFiles } from './open-files.ts'

/**
 * One index file (IndexHeader.java, IndexFile.java), big-endian, at full length from the start, sparse:
 *
 *     header 40: beginTimestamp 8, endTimestamp 8, beginPhyOffset 8, endPhyOffset 8, hashSlotCount 4, indexCount 4
 *     slots      maxHashSlotNum x 4: number of the newest entry of the slot, 0 = none
 *     entries    maxIndexNum x 20: keyHash 4, phyOffset 8, seconds since beginTimestamp 4, previous entry of the slot 4
 *
 * indexCount is the number that the next entry gets; entry 0 is never used.
 */
export const INDEX_HEADER_SIZE = 40
const SLOT_SIZE = 4
const ENTRY_SIZE = 20
const INT_MAX = 0x7fffffff

/** Entries of one chunk in memory: just below 64 KiB. */
const CHUNK_ENTRIES = 3276
/** What is written again when one of its slots has changed. */
const PAGE_BYTES = 4096
/** Slots copied and written at once: short enough not to hold up the event loop. */
const RUN_BYTES = 256 * 1024
const LEAST_READ_BYTES = 4096
const MOST_READ_BYTES = 64 * 1024
/** A chain may be as long as the file. A query gives up on one file after this many reads. */
const MOST_READS = 10_000

export interface IndexShape {
  readonly maxHashSlotNum: number
  readonly maxIndexNum: number
}

export function indexFileSize({ maxHashSlotNum, maxIndexNum }: IndexShape): number {
  return INDEX_HEADER_SIZE + maxHashSlotNum * SLOT_SIZE + maxIndexNum * ENTRY_SIZE
}

export class IndexFile {
  readonly path: string
  beginTimestamp = 0
  endTimestamp = 0
  beginPhyOffset = 0
  endPhyOffset = 0
  hashSlotCount = 0
  /** The number of the next entry. */
  indexCount = 1
  readonly #slotNum: number
  readonly #indexNum: number
  /** The slot table, while entries are added or not all flushed. Its pages cost memory only once they are touched. */
  #slots: Buffer | undefined
  /** One byte per page of the slot table. */
  #dirtyPages: Uint8Array
  /** Full chunks but the last; the first one begins with entry `#memoryStart`. Bytes once written do not change. */
  #chunks: Buffer[] = []
  #memoryStart = 1
  #lastChunk: Buffer | undefined
  #used = 0
  /** Entries below it are on stable storage. */
  #flushedCount = 1
  #exists: boolean

  private constructor(path: string, shape: IndexShape, exists: boolean) {
    this.path = path
    this.#slotNum = shape.maxHashSlotNum
    this.#indexNum = shape.maxIndexNum
    this.#exists = exists
    this.#dirtyPages = new Uint8Array(Math.ceil((this.#slotNum * SLOT_SIZE) / PAGE_BYTES))
  }

  /** A new file, in memory until its first flush. Like Apache's it begins where the one before it ends. */
  static create(path: string, shape: IndexShape, previous: IndexFile | undefined): IndexFile {
    const file = new IndexFile(path, shape, false)
    file.#slots = Buffer.alloc(shape.maxHashSlotNum * SLOT_SIZE)
    if (previous !== undefined) {
      file.beginTimestamp = file.endTimestamp = previous.endTimestamp
      file.beginPhyOffset = file.endPhyOffset = previous.endPhyOffset
    }
    return file
  }

  /** Reads the header only. */
  static async load(disk: Disk, path: string, shape: IndexShape): Promise<IndexFile> {
    const file = new IndexFile(path, shape, true)
    const header = Buffer.alloc(INDEX_HEADER_SIZE)
    const handle = await disk.open(path, 'read')
    try {
      await handle.read(header, 0)
    } finally {
      await handle.close()
    }
    file.beginTimestamp = getLong(header, 0)
    file.endTimestamp = getLong(header, 8)
    file.beginPhyOffset = getLong(header, 16)
    file.endPhyOffset = getLong(header, 24)
    file.hashSlotCount = getInt(header, 32)
    // IndexHeader.java#load
    file.indexCount = Math.max(1, getInt(header, 36))
    file.#flushedCount = file.#memoryStart = file.indexCount
    return file
  }

  get exists(): boolean {
    return this.#exists
  }

  get isFull(): boolean {
    return this.indexCount >= this.#indexNum
  }

  get isEmpty(): boolean {
    return this.indexCount <= 1
  }

  get isDirty(): boolean {
    return this.#flushedCount < this.indexCount
  }

  get dirtyBytes(): number {
    return (this.indexCount - this.#flushedCount) * ENTRY_SIZE
  }

  // ---- adding

  /** Adds an entry. The caller has looked at `isFull`, and the slots are in memory. */
  put(keyHash: number, physicalOffset: number, storeTimestamp: number): void {
    const slots = this.#slots!
    const number = this.indexCount
    if (number <= 1) {
      // Apache reckons the first entry of a later file from the end of the file before it: hours off after a quiet night.
      this.beginTimestamp = storeTimestamp
      this.beginPhyOffset = physicalOffset
    }
    const at = (keyHash % this.#slotNum) * SLOT_SIZE
    let previous = getInt(slots, at)
    if (previous <= 0 || previous >= number) previous = 0
    let seconds = Math.trunc((storeTimestamp - this.beginTimestamp) / 1000)
    if (this.beginTimestamp <= 0 || seconds < 0) seconds = 0
    else if (seconds > INT_MAX) seconds = INT_MAX

    let chunk = this.#lastChunk
    if (chunk === undefined || this.#used === chunk.length) chunk = this.#newChunk()
    const entry = this.#used
    putInt(chunk, entry, keyHash)
    putLong(chunk, entry + 4, physicalOffset)
    putInt(chunk, entry + 12, seconds)
    putInt(chunk, entry + 16, previous)
    this.#used = entry + ENTRY_SIZE
    putInt(slots, at, number)
    this.#dirtyPages[at >>> 12] = 1
    if (previous === 0) this.hashSlotCount++
    this.indexCount = number + 1
    this.endPhyOffset = physicalOffset
    this.endTimestamp = storeTimestamp
  }

  #newChunk(): Buffer {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_ENTRIES * ENTRY_SIZE)
    this.#chunks.push(chunk)
    this.#lastChunk = chunk
    this.#used = 0
    return chunk
  }

  // ---- looking up

  /** IndexFile.java#isTimeMatched */
  overlaps(beginMs: number, endMs: number): boolean {
    return (
      (beginMs < this.beginTimestamp && endMs > this.endTimestamp) ||
      (beginMs >= this.beginTimestamp && beginMs <= this.endTimestamp) ||
      (endMs >= this.beginTimestamp && endMs <= this.endTimestamp)
    )
  }

  /**
   * IndexFile.java#selectPhyOffset: adds the physical offsets of entries with this hash and a time within the range,
   * both ends included, newest first, until `into` holds `maxCount`. Times are whole seconds from beginTimestamp.
   * Returns false when it gave up on a chain that takes too many reads.
   */
  async select(
    files: OpenFiles,
    keyHash: number,
    maxCount: number,
    beginMs: number,
    endMs: number,
    into: number[],
  ): Promise<boolean> {
    const count = this.indexCount
    if (count <= 1 || into.length >= maxCount) return true
    const slotAt = (keyHash % this.#slotNum) * SLOT_SIZE
    const reader = new EntryReader(files, this.path, this.#entriesStart)
    let number: number
    if (this.#slots !== undefined) number = getInt(this.#slots, slotAt)
    else number = await reader.readInt(INDEX_HEADER_SIZE + slotAt)
    if (number >= count) number = 0
    while (number > 0 && into.length < maxCount) {
      let bytes: Uint8Array
      let at: number
      if (number >= this.#memoryStart) {
        const index = number - this.#memoryStart
        const chunk = Math.floor(index / CHUNK_ENTRIES)
        bytes = this.#chunks[chunk]!
        at = (index - chunk * CHUNK_ENTRIES) * ENTRY_SIZE
      } else {
        if (!reader.has(number)) {
          if (reader.reads >= MOST_READS) return false
          await reader.load(number)
        }
        bytes = reader.bytes
        at = reader.at(number)
      }
      const seconds = getInt(bytes, at + 12)
      if (seconds < 0) break
      const time = this.beginTimestamp + seconds * 1000
      if (getInt(bytes, at) === keyHash && time >= beginMs && time <= endMs) into.push(getLong(bytes, at + 4))
      if (time < beginMs) break
      const previous = getInt(bytes, at + 16)
      // A chain leads to older entries only; anything else is damage and could go in circles.
      if (previous >= number) break
      number = previous
    }
    return true
  }

  get #entriesStart(): number {
    return INDEX_HEADER_SIZE + this.#slotNum * SLOT_SIZE
  }

  // ---- writing

  /**
   * Brings all entries put so far to the disk: entries, then slots, then the header, each synced before the next. So
   * whatever a crash leaves, the header counts only entries that are there, and a slot that is ahead of the header leads
   * through entries that are there. On an error everything stays dirty.
   */
  async flush(disk: Disk, files: OpenFiles): Promise<void> {
    if (!this.isDirty) return
    if (!this.#exists) {
      await makeFile(disk, this.path, this.#entriesStart + this.#indexNum * ENTRY_SIZE)
      this.#exists = true
    }
    const count = this.indexCount
    const header = this.#header()
    await files.use(this.path, async file => {
      const buffers = this.#collect(this.#flushedCount, count)
      await file.write(buffers, this.#entriesStart + this.#flushedCount * ENTRY_SIZE)
      await file.sync()
      await this.#flushSlots(file, count)
      await file.write([header], 0)
      await file.sync()
    })
    this.#flushedCount = count
    while (this.#chunks.length > 1 && this.#memoryStart + CHUNK_ENTRIES <= count) {
      this.#chunks.shift()
      this.#memoryStart += CHUNK_ENTRIES
    }
    if (this.isFull && !this.isDirty) this.release()
  }

  /** Nothing more will be added and all is on the disk: it needs no memory any more. */
  release(): void {
    this.#slots = undefined
    this.#chunks = []
    this.#lastChunk = undefined
    this.#memoryStart = this.indexCount
  }

  #header(): Buffer {
    const header = Buffer.alloc(INDEX_HEADER_SIZE)
    putLong(header, 0, this.beginTimestamp)
    putLong(header, 8, this.endTimestamp)
    putLong(header, 16, this.beginPhyOffset)
    putLong(header, 24, this.endPhyOffset)
    putInt(header, 32, this.hashSlotCount)
    putInt(header, 36, this.indexCount)
    return header
  }

  #collect(from: number, to: number): Uint8Array[] {
    const buffers: Uint8Array[] = []
    while (from < to) {
      const index = from - this.#memoryStart
      const chunk = Math.floor(index / CHUNK_ENTRIES)
      const first = index - chunk * CHUNK_ENTRIES
      const entries = Math.min(CHUNK_ENTRIES - first, to - from)
      buffers.push(this.#chunks[chunk]!.subarray(first * ENTRY_SIZE, (first + entries) * ENTRY_SIZE))
      from += entries
    }
    return buffers
  }

  /** Writes and syncs the dirty pages, as they were when the file had `count` entries. */
  async #flushSlots(file: DiskFile, count: number): Promise<void> {
    const slots = this.#slots!
    const pages = this.#dirtyPages
    this.#dirtyPages = new Uint8Array(pages.length)
    try {
      const run = Buffer.allocUnsafe(Math.min(RUN_BYTES, slots.length))
      const runPages = RUN_BYTES / PAGE_BYTES
      for (let page = 0; page < pages.length; page++) {
        if (pages[page] === 0) continue
        const first = page
        let last = page
        for (page++; page < pages.length && page - first < runPages; page++) if (pages[page] !== 0) last = page
        page = last
        const start = first * PAGE_BYTES
        const end = Math.min((last + 1) * PAGE_BYTES, slots.length)
        // A copy: entries that come in while the write is under way change the table.
        const bytes = run.subarray(0, end - start)
        slots.copy(bytes, 0, start, end)
        if (this.indexCount > count) this.#hideNewer(bytes, first, count)
        await file.write([bytes], INDEX_HEADER_SIZE + start)
      }
      await file.sync()
    } catch (error) {
      for (let page = 0; page < pages.length; page++) if (pages[page] !== 0) this.#dirtyPages[page] = 1
      throw error
    }
  }

  /** The disk must not hear of entries that it does not have. Their pages, from `firstPage` on, stay dirty: their turn comes. */
  #hideNewer(slots: Buffer, firstPage: number, count: number): void {
    for (let at = 0; at < slots.length; at += SLOT_SIZE) {
      let number = getInt(slots, at)
      if (number < count) continue
      this.#dirtyPages[firstPage + (at >>> 12)] = 1
      while (number >= count) number = this.#previousInMemory(number)
      putInt(slots, at, number)
    }
  }

  #previousInMemory(number: number): number {
    const index = number - this.#memoryStart
    const chunk = Math.floor(index / CHUNK_ENTRIES)
    return getInt(this.#chunks[chunk]!, (index - chunk * CHUNK_ENTRIES) * ENTRY_SIZE + 16)
  }

  // ---- after a start

  /** Reads the slot table, so that entries can be added. Slots ahead of the header, which a crash leaves, are led back. */
  async loadSlots(files: OpenFiles): Promise<void> {
    if (this.#slots !== undefined) return
    const slots = Buffer.alloc(this.#slotNum * SLOT_SIZE)
    await files.use(this.path, async file => {
      const scratch = Buffer.allocUnsafe(Math.min(RUN_BYTES * 4, slots.length))
      const zeros = Buffer.alloc(scratch.length)
      for (let start = 0; start < slots.length; start += scratch.length) {
        const bytes = scratch.subarray(0, Math.min(scratch.length, slots.length - start))
        const length = await file.read(bytes, INDEX_HEADER_SIZE + start)
        if (length < bytes.length) bytes.fill(0, length)
        // Pages never touched cost no memory.
        if (!bytes.equals(zeros.subarray(0, bytes.length))) slots.set(bytes, start)
      }
    })
    const reader = new EntryReader(files, this.path, this.#entriesStart)
    let repaired = false
    for (let at = 0; at < slots.length; at += SLOT_SIZE) {
      let number = getInt(slots, at)
      if (number >= 0 && number < this.indexCount) continue
      while (number >= this.indexCount) {
        if (number >= this.#indexNum) {
          number = 0
          break
        }
        if (!reader.has(number)) await reader.load(number)
        const entry = reader.at(number)
        const hash = getInt(reader.bytes, entry)
        const previous = getInt(reader.bytes, entry + 16)
        number = hash % this.#slotNum === at / SLOT_SIZE && previous < number ? previous : 0
      }
      putInt(slots, at, Math.max(0, number))
      this.#dirtyPages[at >>> 12] = 1
      repaired = true
    }
    this.#slots = slots
    // Before new entries take the place of those that the slots on the disk still lead to.
    if (repaired) await files.use(this.path, file => this.#flushSlots(file, this.indexCount))
  }

  /**
   * Whether header, slots and entries agree, entry by entry from `fromTimestamp` on: what came before had been synced.
   * Leaves the slots in memory.
   */
  async isConsistent(files: OpenFiles, fromTimestamp: number): Promise<boolean> {
    const { indexCount } = this
    if (
      indexCount > this.#indexNum ||
      this.endTimestamp < this.beginTimestamp ||
      this.endPhyOffset < this.beginPhyOffset
    )
      return false
    await this.loadSlots(files)
    const slots = this.#slots!
    let filled = 0
    for (let at = 0; at < slots.length; at += SLOT_SIZE) if (getInt(slots, at) !== 0) filled++
    if (filled !== this.hashSlotCount) return false
    const reader = new EntryReader(files, this.path, this.#entriesStart)
    let physicalOffset = this.endPhyOffset
    for (let number = indexCount - 1; number > 0; number--) {
      if (!reader.has(number)) await reader.load(number)
      const { bytes } = reader
      const at = reader.at(number)
      const hash = getInt(bytes, at)
      const seconds = getInt(bytes, at + 12)
      if (hash < 0 || seconds < 0 || getLong(bytes, at + 4) > physicalOffset || getInt(bytes, at + 16) >= number)
        return false
      if (getInt(slots, (hash % this.#slotNum) * SLOT_SIZE) < number) return false
      physicalOffset = getLong(bytes, at + 4)
      // A few seconds more than needed: times are whole seconds and clocks step back.
      if (this.beginTimestamp + seconds * 1000 < fromTimestamp - 10_000) break
    }
    return physicalOffset >= this.beginPhyOffset
  }

  /**
   * Drops the newest entries, those at or beyond a physical offset. All entries are flushed. Afterwards header and slots
   * on the disk are what they would be without them.
   */
  async truncate(files: OpenFiles, physicalOffset: number): Promise<void> {
    await this.loadSlots(files)
    const slots = this.#slots!
    const reader = new EntryReader(files, this.path, this.#entriesStart)
    let number = this.indexCount - 1
    for (; number > 0; number--) {
      if (!reader.has(number)) await reader.load(number)
      const entry = reader.at(number)
      if (getLong(reader.bytes, entry + 4) < physicalOffset) {
        this.endPhyOffset = getLong(reader.bytes, entry + 4)
        this.endTimestamp = this.beginTimestamp + getInt(reader.bytes, entry + 12) * 1000
        break
      }
      const at = (getInt(reader.bytes, entry) % this.#slotNum) * SLOT_SIZE
      if (getInt(slots, at) !== number) continue
      const previous = getInt(reader.bytes, entry + 16)
      putInt(slots, at, previous > 0 && previous < number ? previous : 0)
      this.#dirtyPages[at >>> 12] = 1
      if (getInt(slots, at) === 0) this.hashSlotCount--
    }
    this.indexCount = this.#flushedCount = this.#memoryStart = number + 1
    this.#chunks = []
    this.#lastChunk = undefined
    await files.use(this.path, async file => {
      // The header first: slots ahead of it are led back at the next start.
      await file.write([this.#header()], 0)
      await file.sync()
      await this.#flushSlots(file, this.indexCount)
    })
  }
}

/** Makes the file at full length, which is safe on the disk before anything is in it. */
async function makeFile(disk: Disk, path: string, sizeBytes: number): Promise<void> {
  const file = await disk.open(path, 'create')
  try {
    await file.truncate(0)
    await file.truncate(sizeBytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

/** Reads entries of one file in blocks which grow while the reader goes from one to the one before it. */
class EntryReader {
  bytes: Buffer = Buffer.alloc(0)
  reads = 0
  readonly #files: OpenFiles
  readonly #path: string
  readonly #entriesStart: number
  #first = 0
  #end = 0
  #size = LEAST_READ_BYTES

  constructor(files: OpenFiles, path: string, entriesStart: number) {
    this.#files = files
    this.#path = path
    this.#entriesStart = entriesStart
  }

  has(number: number): boolean {
    return number >= this.#first && number < this.#end
  }

  at(number: number): number {
    return (number - this.#first) * ENTRY_SIZE
  }

  /** Reads the entry and those before it. */
  async load(number: number): Promise<void> {
    const near = this.#first - number
    if (near > 0 && near * ENTRY_SIZE < MOST_READ_BYTES) this.#size = Math.min(this.#size * 2, MOST_READ_BYTES)
    else this.#size = LEAST_READ_BYTES
    const first = Math.max(0, number + 1 - Math.floor(this.#size / ENTRY_SIZE))
    const bytes = Buffer.alloc((number + 1 - first) * ENTRY_SIZE)
    await this.#files.use(this.#path, file => file.read(bytes, this.#entriesStart + first * ENTRY_SIZE))
    this.bytes = bytes
    this.#first = first
    this.#end = number + 1
    this.reads++
  }

  async readInt(position: number): Promise<number> {
    const bytes = Buffer.alloc(4)
    await this.#files.use(this.#path, file => file.read(bytes, position))
    return getInt(bytes, 0)
  }
}
