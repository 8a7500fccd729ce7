import { BLANK_SIZE, type CheckedRecord, checkRecord, getLong, MIN_RECORD_SIZE } from '@rocketcluster/protocol/internal'
import type { LogFile, LogFiles } from './log-files.ts'

const WINDOW_BYTES = 4 * 1024 * 1024
/** No record is longer: Apache's greatest configured messages stay far below. Keeps a damaged length from costing a GiB of memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024
/** The least that a disk writes whole. */
export const SECTOR_BYTES = 512
/** The three bytes that both magics of a record begin with. */
const MAGIC_PREFIX = Buffer.from([0xda, 0xa3, 0x20])

export interface ScanEnd {
  /** Physical offset behind the last good record: the end of the log. */
  readonly end: number
  /** Why the scan went no further. */
  readonly why: string
  /** Start of the last good record; -1 when none was seen. */
  readonly lastRecord: number
  /** storeTimestamp of it; 0 when none was seen. */
  readonly lastTimestamp: number
}

export interface ScanOptions {
  /** A boundary of records: nothing from here on is looked at. When a record lies across, the scan ends before it. */
  readonly to?: number
  /**
   * Up to here the log is known to have been on stable storage. What is not a record before it is damage, not the end:
   * the scan goes on with the next good record.
   */
  readonly durableTo: number
  /** The last process died: a write behind `durableTo` may have been cut short. */
  readonly mayBeTorn: boolean
  /** Each good record, in order. The buffer is reused. */
  visit(buffer: Buffer, record: CheckedRecord): void
  /** Between reads: the place to write out what has gathered. */
  pause(): Promise<void>
  /** Bytes before `durableTo` that are no records. */
  damaged(from: number, to: number, why: string): void
}

/**
 * The CRC covers the body only. What a write that was cut short has not reached are zeros, from anywhere to the record's
 * end, or in whole sectors: neither a topic nor properties look like that.
 */
export function isTorn(buffer: Buffer, at: number, record: CheckedRecord): boolean {
  const { topicAt, topicLength, propertiesAt, propertiesLength, physicalOffset } = record
  if (topicLength === 0 || record.storeTimestamp <= 0) return true
  if (buffer.subarray(topicAt, topicAt + topicLength).includes(0)) return true
  const end = propertiesAt + propertiesLength
  if (propertiesLength > 0 && buffer[end - 1] === 0) return true
  for (let from = propertiesAt; from < end; ) {
    const to = Math.min(end, from + SECTOR_BYTES - ((physicalOffset + from - at) % SECTOR_BYTES))
    let zero = from
    while (zero < to && buffer[zero] === 0) zero++
    if (zero === to) return true
    from = to
  }
  return false
}

/** Reads the log record by record in large pieces, checking lengths, places and CRCs (CommitLog.java#recoverAbnormally). */
export class LogScanner {
  readonly #files: LogFiles
  readonly #windowBytes: number
  #buffer = Buffer.alloc(0)

  /** `windowBytes`: what is read at once; everything else in the process has its turn in between. */
  constructor(files: LogFiles, windowBytes = WINDOW_BYTES) {
    this.#files = files
    this.#windowBytes = windowBytes
  }

  /** From `position`, which is a record boundary, to where the log ends. Throws DiskError. */
  async scan(position: number, options: ScanOptions): Promise<ScanEnd> {
    const { fileSizeBytes } = this.#files
    const limit = options.to ?? Number.POSITIVE_INFINITY
    let lastRecord = -1
    let lastTimestamp = 0
    let wanted = this.#windowBytes
    for (;;) {
      if (position >= limit) return { end: position, why: 'as far as was asked', lastRecord, lastTimestamp }
      const file = this.#files.find(position)
      if (file === undefined) {
        if (position < options.durableTo) {
          options.damaged(position, options.durableTo, 'the file is missing')
          position = options.durableTo
        }
        return { end: position, why: 'no file follows', lastRecord, lastTimestamp }
      }
      const fileEnd = file.start + fileSizeBytes
      const asked = Math.min(wanted, fileEnd - position, limit - position)
      const { buffer, length } = await this.#window(file, position, asked)
      wanted = this.#windowBytes
      let at = 0
      let bad: string | undefined
      while (at < length) {
        const check = checkRecord(buffer, at, length)
        if (check.kind === 'record') {
          if (check.physicalOffset !== position + at) {
            bad = `a record that claims to be at ${check.physicalOffset}`
            break
          }
          if (options.mayBeTorn && position + at >= options.durableTo && isTorn(buffer, at, check)) {
            bad = 'a record that was not written to its end'
            break
          }
          options.visit(buffer, check)
          lastRecord = position + at
          lastTimestamp = check.storeTimestamp
          at += check.size
        } else if (check.kind === 'blank') {
          if (check.size !== fileEnd - position - at) {
            bad = `a blank of ${check.size} bytes where ${fileEnd - position - at} are left`
            break
          }
          at = fileEnd - position
        } else {
          const { needs } = check
          if (needs === undefined || position + at + needs > fileEnd || needs > MAX_RECORD_BYTES) bad = check.why
          else if (position + length === fileEnd) bad = check.why
          else if (position + length === limit) {
            if ((await this.endAt(position + at)) !== undefined)
              return { end: position + at, why: 'a record lies across', lastRecord, lastTimestamp }
            bad = check.why
          } else wanted = Math.max(this.#windowBytes, needs)
          break
        }
      }
      position += at
      if (bad === undefined) {
        // A short read where the file says it is longer: it was cut under us.
        if (at === 0 && length < asked) bad = 'the file ends'
        else {
          await options.pause()
          continue
        }
      }
      if (position >= options.durableTo) return { end: position, why: bad, lastRecord, lastTimestamp }
      const next = await this.#findRecord(position + 1, options.durableTo)
      options.damaged(position, next, bad)
      position = next
    }
  }

  async #window(file: LogFile, position: number, length: number): Promise<{ buffer: Buffer; length: number }> {
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(length)
    const buffer = this.#buffer
    const read = await this.#files.use(file, handle => handle.read(buffer.subarray(0, length), position - file.start))
    return { buffer, length: read }
  }

  /** Start of the first thing from `from` on that looks like the record of its place; `limit` when there is none before it. */
  async #findRecord(from: number, limit: number): Promise<number> {
    while (from < limit) {
      const file = this.#files.find(from)
      if (file === undefined) return limit
      const fileEnd = file.start + this.#files.fileSizeBytes
      const { buffer, length } = await this.#window(file, from, Math.min(this.#windowBytes, fileEnd - from))
      for (
        let hit = buffer.indexOf(MAGIC_PREFIX);
        hit >= 0 && hit < length;
        hit = buffer.indexOf(MAGIC_PREFIX, hit + 1)
      ) {
        const at = hit - 4
        if (at < 0 || at + MIN_RECORD_SIZE > length) continue
        if (from + at >= limit) return limit
        if (getLong(buffer, at + 28) === from + at) return from + at
      }
      if (length === 0 || from + length >= fileEnd) from = fileEnd
      else from += Math.max(1, length - MIN_RECORD_SIZE - BLANK_SIZE)
    }
    return limit
  }

  /** The record that begins at `position`, looked at without its CRC; undefined when there is none. Throws DiskError. */
  async recordAt(position: number): Promise<{ size: number; storeTimestamp: number } | undefined> {
    const check = await this.#look(position)
    return check?.kind === 'record' && check.physicalOffset === position ? check : undefined
  }

  /** Size of the blank at `position`; undefined when there is none. Throws DiskError. */
  async blankAt(position: number): Promise<number | undefined> {
    const check = await this.#look(position)
    return check?.kind === 'blank' ? check.size : undefined
  }

  /** Where the record or blank ends that begins at `position`; undefined when there is none. Throws DiskError. */
  async endAt(position: number): Promise<number | undefined> {
    const check = await this.#look(position)
    if (check?.kind === 'record') return check.physicalOffset === position ? position + check.size : undefined
    const { fileSizeBytes } = this.#files
    const left = fileSizeBytes - (position % fileSizeBytes)
    return check?.kind === 'blank' && check.size === left ? position + left : undefined
  }

  async #look(position: number) {
    const file = this.#files.find(position)
    if (file === undefined) return undefined
    const left = file.start + this.#files.fileSizeBytes - position
    let wanted = Math.min(left, 64 * 1024)
    for (;;) {
      const { buffer, length } = await this.#window(file, position, wanted)
      const check = checkRecord(buffer, 0, length, false)
      if (check.kind !== 'bad') return check
      if (check.needs === undefined || check.needs <= wanted || check.needs > Math.min(left, MAX_RECORD_BYTES))
        return undefined
      wanted = check.needs
    }
  }
}
