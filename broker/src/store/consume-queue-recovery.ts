import type { Disk, DiskFile } from '@rocketcluster/world'
import { CQ_UNIT_SIZE, isBlank, isUnit, unitEnd, unitOffset, unitRank } from './cq-unit.ts'
import { offsetToFileName } from './log-files.ts'

/** How far the entries found on the disk may be believed. */
export interface Trust {
  /** The store was closed properly: every entry is where it was put. Default false. */
  readonly lastExitOk?: boolean
  /**
   * After a crash: entries of messages that end at or before this physical offset had been synced. Those beyond are
   * dropped, the caller puts them again. Without it each queue's last three files are read entry by entry.
   */
  readonly trustedPhysicalOffset?: number
}

/** What a queue's files hold. All but the physical offsets count entries. */
export interface RecoveredQueue {
  readonly firstFile: number
  readonly filesEnd: number
  readonly minOffset: number
  readonly minPhysicalOffset: number
  readonly maxOffset: number
  readonly maxPhysicalOffset: number
}

const CHUNK_UNITS = 204
const SCAN_UNITS = 3276

/** The end of the entries in one file. */
interface End {
  readonly units: number
  /** Where the last entry's message ends; -1 when it is a blank or there is none. */
  readonly maxPhysicalOffset: number
  readonly lastRank: number
}

const NO_UNITS: End = { units: 0, maxPhysicalOffset: -1, lastRank: -1 }

/** Fills the buffer; what lies behind the end of the file reads as zeros, which are no entries. */
async function readUnits(file: DiskFile, into: Buffer, unit: number): Promise<Buffer> {
  const length = await file.read(into, unit * CQ_UNIT_SIZE)
  if (length < into.length) into.fill(0, length)
  return into
}

function accepted(bytes: Uint8Array, at: number, trustedEnd: number): boolean {
  return isUnit(bytes, at) && (unitEnd(bytes, at) <= trustedEnd || isBlank(bytes, at))
}

/**
 * Counts entries as far as they are valid and rise. Of what a crash left, a hole or an entry of older times ends the queue
 * even when valid entries lie behind.
 */
function countUnits(bytes: Uint8Array, units: number, previousRank: number, trustedEnd: number): End {
  let lastRank = previousRank
  let count = 0
  let maxPhysicalOffset = -1
  for (; count < units; count++) {
    const at = count * CQ_UNIT_SIZE
    if (!accepted(bytes, at, trustedEnd)) break
    const rank = unitRank(bytes, at)
    if (rank <= lastRank && !(rank === -1 && lastRank === -1)) break
    lastRank = rank
    maxPhysicalOffset = rank < 0 ? -1 : unitEnd(bytes, at)
  }
  return { units: count, maxPhysicalOffset, lastRank }
}

/** Reads entry by entry. */
async function scanEnd(file: DiskFile, unitsPerFile: number, previousRank: number, trustedEnd: number): Promise<End> {
  let end: End = { ...NO_UNITS, lastRank: previousRank }
  const buffer = Buffer.allocUnsafe(SCAN_UNITS * CQ_UNIT_SIZE)
  while (end.units < unitsPerFile) {
    const units = Math.min(SCAN_UNITS, unitsPerFile - end.units)
    const bytes = await readUnits(file, buffer.subarray(0, units * CQ_UNIT_SIZE), end.units)
    const found = countUnits(bytes, units, end.lastRank, trustedEnd)
    if (found.units > 0) end = { ...found, units: end.units + found.units }
    if (found.units < units) break
  }
  return end
}

/** Looks for the end by halving; falls back to reading all when the neighbourhood of what it finds is not in order. */
async function searchEnd(file: DiskFile, unitsPerFile: number, trustedEnd: number): Promise<End> {
  const chunk = Buffer.allocUnsafe((CHUNK_UNITS + 1) * CQ_UNIT_SIZE)
  const firstUnits = Math.min(CHUNK_UNITS, unitsPerFile)
  const first = countUnits(
    await readUnits(file, chunk.subarray(0, firstUnits * CQ_UNIT_SIZE), 0),
    firstUnits,
    -1,
    trustedEnd,
  )
  // Most queues are short: they end in their first chunk.
  if (first.units < firstUnits || firstUnits === unitsPerFile) return first
  const probe = Buffer.allocUnsafe(CQ_UNIT_SIZE)
  let low = 0
  let lowRank = first.lastRank
  let high = Math.ceil(unitsPerFile / CHUNK_UNITS)
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    await readUnits(file, probe, middle * CHUNK_UNITS)
    const rank = unitRank(probe, 0)
    if (accepted(probe, 0, trustedEnd) && rank >= lowRank) {
      low = middle
      lowRank = rank
    } else high = middle
  }
  if (low === 0) return first
  const start = low * CHUNK_UNITS - 1
  const units = Math.min(CHUNK_UNITS + 1, unitsPerFile - start)
  const found = countUnits(await readUnits(file, chunk.subarray(0, units * CQ_UNIT_SIZE), start), units, -1, trustedEnd)
  // The entry before the chunk must be one and be older: else the search was led astray.
  if (found.units < 2) return scanEnd(file, unitsPerFile, -1, trustedEnd)
  return { ...found, units: start + found.units }
}

/** Makes everything from `unit` on zero, in a way that a crash in between leaves at worst a short file. */
export async function cutFile(file: DiskFile, unit: number, unitsPerFile: number): Promise<void> {
  await file.truncate(unit * CQ_UNIT_SIZE)
  await file.truncate(unitsPerFile * CQ_UNIT_SIZE)
}

/** One queue's files, each opened once. */
class Files {
  readonly #disk: Disk
  readonly #directory: string
  readonly #starts: readonly number[]
  readonly #open = new Map<number, DiskFile>()

  constructor(disk: Disk, directory: string, starts: readonly number[]) {
    this.#disk = disk
    this.#directory = directory
    this.#starts = starts
  }

  #path(index: number): string {
    return `${this.#directory}/${offsetToFileName(this.#starts[index]! * CQ_UNIT_SIZE)}`
  }

  async get(index: number): Promise<DiskFile> {
    let file = this.#open.get(index)
    if (file === undefined) {
      file = await this.#disk.open(this.#path(index), 'readWrite')
      this.#open.set(index, file)
    }
    return file
  }

  /** Removes the files from `index` on, the last one first: a crash in between leaves no gap. */
  async removeFrom(index: number): Promise<void> {
    for (let i = this.#starts.length - 1; i >= index; i--) await this.#disk.remove(this.#path(i))
    if (index < this.#starts.length) await this.#disk.syncDirectory(this.#directory)
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close()
  }
}

/**
 * Finds the end of one queue and removes what lies behind it. `starts` are those of its files (in entries), in order and
 * without a gap; at least one.
 */
export async function recoverQueue(
  disk: Disk,
  directory: string,
  starts: readonly number[],
  unitsPerFile: number,
  trust: Trust,
): Promise<RecoveredQueue> {
  const files = new Files(disk, directory, starts)
  try {
    const { index, end } = await findEnd(files, starts.length, unitsPerFile, trust)
    // A queue whose only file is empty has not begun, unless the file's name says how far it had come.
    const keep = end.units > 0 || starts[0]! > 0 ? index + 1 : 0
    await files.removeFrom(keep)
    if (keep === 0)
      return { firstFile: 0, filesEnd: 0, minOffset: 0, minPhysicalOffset: -1, maxOffset: 0, maxPhysicalOffset: -1 }
    if (!trust.lastExitOk && end.units < unitsPerFile) {
      const file = await files.get(index)
      await cutFile(file, end.units, unitsPerFile)
      await file.sync()
    }
    const maxOffset = starts[index]! + end.units
    const first = await firstMessage(await files.get(0), Math.min(unitsPerFile, maxOffset - starts[0]!))
    return {
      firstFile: starts[0]!,
      filesEnd: starts[index]! + unitsPerFile,
      minOffset: starts[0]! + first.units,
      minPhysicalOffset: first.physicalOffset,
      maxOffset,
      maxPhysicalOffset: end.maxPhysicalOffset,
    }
  } finally {
    await files.close()
  }
}

/** The last file that has an entry (or the first one when none has), and where it ends. */
async function findEnd(
  files: Files,
  fileCount: number,
  unitsPerFile: number,
  trust: Trust,
): Promise<{ index: number; end: End }> {
  const { lastExitOk, trustedPhysicalOffset } = trust
  const trustedEnd = lastExitOk ? Number.POSITIVE_INFINITY : (trustedPhysicalOffset ?? Number.POSITIVE_INFINITY)
  if (lastExitOk || trustedPhysicalOffset !== undefined)
    for (let index = fileCount - 1; ; index--) {
      const end = await searchEnd(await files.get(index), unitsPerFile, trustedEnd)
      if (end.units > 0 || index === 0) return { index, end }
    }

  const scan = async (index: number, previousRank: number) => {
    const file = await files.get(index)
    const found = await scanEnd(file, unitsPerFile, previousRank, trustedEnd)
    // What was read may be in the page cache only, of a process that was killed; from now on it counts as safe.
    await file.sync()
    return found
  }
  // ConsumeQueue.java#recover starts at the third-last file, too.
  let index = Math.max(0, fileCount - 3)
  let end = await scan(index, -1)
  while (end.units === 0 && index > 0) end = await scan(--index, -1)
  while (end.units === unitsPerFile && index < fileCount - 1) {
    const next = await scan(index + 1, end.lastRank)
    if (next.units === 0) break
    end = next
    index++
  }
  return { index, end }
}

/** Skips the blanks at the beginning of a queue's first file. */
async function firstMessage(file: DiskFile, units: number): Promise<{ units: number; physicalOffset: number }> {
  if (units === 0) return { units: 0, physicalOffset: -1 }
  const probe = Buffer.allocUnsafe(CQ_UNIT_SIZE)
  let low = 0
  let high = units
  // The usual case first: no blanks at all.
  for (let middle = 0; low < high; middle = (low + high) >>> 1) {
    await readUnits(file, probe, middle)
    if (isBlank(probe, 0)) low = middle + 1
    else high = middle
  }
  if (low === units) return { units, physicalOffset: -1 }
  await readUnits(file, probe, low)
  return { units: low, physicalOffset: unitOffset(probe, 0) }
}
