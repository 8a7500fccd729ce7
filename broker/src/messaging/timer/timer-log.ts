import { getInt, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Disk } from '@rocketcluster/world'
import { LogFiles } from '../../store/log-files.ts'
import { BLANK_MAGIC, BLANK_SIZE, getTimerUnit, putTimerUnit, TIMER_UNIT_SIZE, type TimerUnit } from './timer-unit.ts'

const BLOCK_BYTES = 16 * 1024
/** 1 MiB: where the entries of the next slots lie is anyone's guess, so few blocks serve twice. */
const MAX_BLOCKS = 64
const MAX_OPEN_FILES = 8
/** What `scan` reads at once. */
const SCAN_BYTES = 20_000 * TIMER_UNIT_SIZE

/** A list of entries leads to where no such entry can be. */
export class DamagedTimerLogError extends Error {
  override readonly name = 'DamagedTimerLogError'
}

interface Block {
  readonly bytes: Buffer
  /** Position up to which it shows the log. */
  readonly validTo: number
}

/**
 * Everything that was put into the wheel, in that order: `timerlog/`, files of `fileSizeBytes` in Apache's format. Only what
 * lies before `end` counts; what is written behind it becomes part of the log when the owner moves `end`.
 */
export class TimerLog {
  readonly #files: LogFiles
  readonly #blocks = new Map<number, Block>()
  /** Position behind the last entry. */
  end = 0

  constructor(disk: Disk, directory: string, fileSizeBytes: number) {
    this.#files = new LogFiles(disk, directory, fileSizeBytes, MAX_OPEN_FILES, 'mappedFileSizeTimerLog')
  }

  /** Finds the files. Throws DiskError, and Error when they cannot be files of this log. */
  load(): Promise<void> {
    return this.#files.load()
  }

  get fileSizeBytes(): number {
    return this.#files.fileSizeBytes
  }

  get fileCount(): number {
    return this.#files.files.length
  }

  /** Position of the first byte kept. */
  get min(): number {
    return this.#files.minOffset
  }

  /** Position behind the last file: no entry can lie further back. */
  get capacityEnd(): number {
    return this.#files.maxOffset
  }

  startOf(position: number): number {
    return this.#files.startOf(position)
  }

  /** Where an entry goes that follows what ends at `position`: there, or at the start of the next file. */
  placeAt(position: number): number {
    const inside = position % this.fileSizeBytes
    return TIMER_UNIT_SIZE + BLANK_SIZE > this.fileSizeBytes - inside
      ? position - inside + this.fileSizeBytes
      : position
  }

  /**
   * Writes entries to the places that `placeAt` gives them from `end` on, without making them part of the log. Returns where
   * the log ends with them. Throws DiskError; nothing has changed then, and the same places can be written again.
   */
  async write(units: readonly TimerUnit[]): Promise<number> {
    let at = this.end
    for (let done = 0; done < units.length; ) {
      const place = this.placeAt(at)
      if (place !== at) await this.#writeBlank(at)
      const inFile = Math.floor((this.fileSizeBytes - (place % this.fileSizeBytes) - BLANK_SIZE) / TIMER_UNIT_SIZE)
      const count = Math.min(units.length - done, inFile)
      const bytes = Buffer.allocUnsafe(count * TIMER_UNIT_SIZE)
      for (let i = 0; i < count; i++) putTimerUnit(bytes, i * TIMER_UNIT_SIZE, units[done + i]!)
      await this.#writeAt(bytes, place)
      at = place + bytes.length
      done += count
    }
    return at
  }

  async #writeBlank(at: number): Promise<void> {
    const room = this.fileSizeBytes - (at % this.fileSizeBytes)
    if (room < BLANK_SIZE || room === this.fileSizeBytes) return
    const blank = Buffer.alloc(BLANK_SIZE)
    putInt(blank, 0, room)
    putLong(blank, 4, 0)
    putInt(blank, 12, BLANK_MAGIC)
    await this.#writeAt(blank, at)
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    const start = this.#files.startOf(position)
    const file = this.#files.find(position) ?? (await this.#files.create(start))
    file.dirty = true
    await this.#files.use(file, handle => handle.write([bytes], position - start))
  }

  /** The entry at `position`. Throws DamagedTimerLogError when there is none, DiskError when the disk fails. */
  async read(position: number): Promise<TimerUnit> {
    const unit = position >= this.min && position < this.end ? await this.#read(position) : undefined
    if (unit === undefined)
      throw new DamagedTimerLogError(
        `${this.#files.directory}: no entry at ${position}; the log goes from ${this.min} to ${this.end}`,
      )
    return unit
  }

  async #read(position: number): Promise<TimerUnit | undefined> {
    const start = position - (position % BLOCK_BYTES)
    let block = this.#blocks.get(start)
    if (block === undefined || position + TIMER_UNIT_SIZE > block.validTo) {
      block = await this.#readBlock(start)
      this.#blocks.delete(start)
      this.#blocks.set(start, block)
      if (this.#blocks.size > MAX_BLOCKS)
        for (const oldest of this.#blocks.keys()) {
          this.#blocks.delete(oldest)
          break
        }
    }
    return getTimerUnit(block.bytes, position - start)
  }

  /** An entry may reach into the next block. Files need not be multiples of a block long. */
  async #readBlock(start: number): Promise<Block> {
    const bytes = Buffer.alloc(BLOCK_BYTES + TIMER_UNIT_SIZE)
    const validTo = this.end
    for (let at = 0; at < bytes.length; ) {
      const file = this.#files.find(start + at)
      if (file === undefined) {
        // Files that are gone may begin in the middle of a block.
        if (start + at >= this.#files.maxOffset) break
        at = Math.max(at + 1, this.#files.minOffset - start)
        continue
      }
      const inside = start + at - file.start
      const count = Math.min(bytes.length - at, this.fileSizeBytes - inside)
      await this.#files.use(file, handle => handle.read(bytes.subarray(at, at + count), inside))
      at += count
    }
    return { bytes, validTo }
  }

  /**
   * Reads entries one after the other from `from`, a place where one lies, up to `to` or to the first that cannot be one.
   * `seen` is told of each with its position. Returns the position behind the last. Throws DiskError.
   */
  async scan(from: number, to: number, seen: (unit: TimerUnit, position: number) => Promise<void>): Promise<number> {
    let at = from
    let end = from
    while (at < to) {
      at = this.placeAt(at)
      const file = this.#files.find(at)
      if (file === undefined || at >= to) return end
      const inside = at - file.start
      const bytes = Buffer.alloc(Math.min(SCAN_BYTES, this.fileSizeBytes - inside))
      const read = await this.#files.use(file, handle => handle.read(bytes, inside))
      let position = 0
      for (; at + position + TIMER_UNIT_SIZE <= to && position + TIMER_UNIT_SIZE <= read; position += TIMER_UNIT_SIZE) {
        const unit = getTimerUnit(bytes, position)
        if (unit === undefined) break
        await seen(unit, at + position)
        end = at + position + TIMER_UNIT_SIZE
      }
      const stopped = position + TIMER_UNIT_SIZE <= read
      if (position === 0 || stopped) {
        const blank = position + BLANK_SIZE <= read && getInt(bytes, position + 12) === BLANK_MAGIC
        if (!blank) return end
        at = file.start + this.fileSizeBytes
      } else at += position
    }
    return end
  }

  /** Everything written is on stable storage when this resolves. Throws DiskError. */
  sync(): Promise<void> {
    return this.#files.sync()
  }

  /** For a sync that failed: the kernel may have dropped what it could not write, so it is written once more. Throws DiskError. */
  rewrite(from: number, to: number): Promise<void> {
    return this.#files.rewriteBetween(from, to)
  }

  /** Makes `position` the end, and everything behind it zeros. Throws DiskError. */
  async cut(position: number): Promise<void> {
    this.end = position
    this.#blocks.clear()
    await this.#files.clearFrom(position)
  }

  /** Begins anew at position 0. Throws DiskError. */
  async clear(): Promise<void> {
    this.end = 0
    this.#blocks.clear()
    await this.#files.removeFrom(0)
  }

  /**
   * Removes the oldest files, never the last, whose entries are all for messages before `physicalOffset` (MappedFileQueue.java
   * #deleteExpiredFileByOffsetForTimerLog). Throws DiskError.
   */
  async removeBefore(physicalOffset: number): Promise<void> {
    while (this.fileCount > 1 && this.min + this.fileSizeBytes <= this.end) {
      const last = await this.#read(this.min + this.#lastPlaceInFile())
      if (last === undefined || last.physicalOffset >= physicalOffset) return
      await this.#files.removeFirst()
      this.#blocks.clear()
    }
  }

  #lastPlaceInFile(): number {
    const units = Math.floor((this.fileSizeBytes - BLANK_SIZE) / TIMER_UNIT_SIZE)
    return (units - 1) * TIMER_UNIT_SIZE
  }

  close(): Promise<void> {
    return this.#files.close()
  }
}
