import { crc32 } from 'node:zlib'
import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Disk, DiskFile } from '@rocketcluster/world'
import type { DataVersion } from '../../metadata/data-version.ts'
import { makeDurableDirectory } from '../../store/make-directory.ts'

/**
 * `config/timercheck`, 4096 bytes: Apache's seven longs (TimerCheckpoint.java), and behind them what we know more exactly. All
 * in one sector, so a write that tears leaves the one before it.
 *
 *     0 lastReadTimeMs 8   lastTimerLogFlushPos 8   lastTimerQueueOffset 8   masterTimerQueueOffset 8
 *       stateVersion 8   timestamp 8   counter 8
 *    64 magic 4   version 4   wheelPos 8   deliveredInSlot 8   pending 8   knownTo 8   precisionMs 4
 *       knownBeforeMs 8   crc 4, of all that is before it
 */
const FILE_SIZE = 4096
const SECTOR = 512
/** lastReadTimeMs to counter: also the body of GET_TIMER_CHECK_POINT. */
export const APACHE_CHECKPOINT_BYTES = 56
const OURS = 64
const CRC_AT = OURS + 52
/** "RKTM" */
const MAGIC = 0x524b544d
const VERSION = 1

export interface TimerProgress {
  /** Slots before it are done. Milliseconds, a multiple of the precision. */
  readonly lastReadTimeMs: number
  /** The timer log is on stable storage up to here, and holds what came before `lastTimerQueueOffset`. */
  readonly lastTimerLogFlushPos: number
  /** Next entry of the timer topic's queue to put into the wheel. */
  readonly lastTimerQueueOffset: number
  /** The wheel's file has all entries of the timer log before this position, and none behind lastTimerLogFlushPos. */
  readonly wheelPos: number
  /** How many messages of the slot `lastReadTimeMs` have been delivered already, the oldest first. */
  readonly deliveredInSlot: number
  /** Messages in the wheel. */
  readonly pending: number
  /**
   * Up to this queue offset messages had been taken up before the wheel had to be made anew: of them those whose time lies
   * before `knownBeforeMs` have been delivered.
   */
  readonly knownTo: number
  readonly knownBeforeMs: number
  /** What the wheel was made with. */
  readonly precisionMs: number
}

/** What was found: ours, or what an Apache broker (or a damaged sector) left; then only the first three values mean something. */
export interface FoundProgress {
  readonly progress: TimerProgress
  readonly ours: boolean
}

export class TimerCheckpoint {
  readonly #file: DiskFile
  readonly found: FoundProgress | undefined
  readonly #sector: Buffer

  /** Reads what the last process left. Throws DiskError. */
  static async open(disk: Disk, directory: string): Promise<TimerCheckpoint> {
    await makeDurableDirectory(disk, directory)
    const file = await disk.open(`${directory}/timercheck`, 'create')
    try {
      const sector = Buffer.alloc(SECTOR)
      await file.read(sector, 0)
      if ((await file.size()) < FILE_SIZE) {
        await file.truncate(FILE_SIZE)
        await file.sync()
        await disk.syncDirectory(directory)
      }
      return new TimerCheckpoint(file, sector)
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  private constructor(file: DiskFile, sector: Buffer) {
    this.#file = file
    this.#sector = sector
    const ours =
      getInt(sector, OURS) === MAGIC &&
      getInt(sector, OURS + 4) === VERSION &&
      getInt(sector, CRC_AT) === (crc32(sector.subarray(0, CRC_AT)) | 0)
    const queueOffset = getLong(sector, 16)
    const progress = {
      lastReadTimeMs: getLong(sector, 0),
      lastTimerLogFlushPos: getLong(sector, 8),
      lastTimerQueueOffset: ours ? queueOffset : Math.min(queueOffset, getLong(sector, 24)),
      wheelPos: getLong(sector, OURS + 8),
      deliveredInSlot: getLong(sector, OURS + 16),
      pending: getLong(sector, OURS + 24),
      knownTo: getLong(sector, OURS + 32),
      precisionMs: getInt(sector, OURS + 40),
      knownBeforeMs: getLong(sector, OURS + 44),
    }
    if (progress.lastReadTimeMs > 0)
      this.found = {
        ours,
        progress: ours
          ? progress
          : { ...progress, wheelPos: 0, deliveredInSlot: 0, pending: 0, knownTo: 0, precisionMs: 0, knownBeforeMs: 0 },
      }
  }

  get dataVersion(): DataVersion {
    return {
      stateVersion: getLong(this.#sector, 32),
      timestamp: getLong(this.#sector, 40),
      counter: getLong(this.#sector, 48),
    }
  }

  /** The seven longs as they are on the disk: what a slave asks for. */
  get encoded(): Buffer {
    return Buffer.from(this.#sector.subarray(0, APACHE_CHECKPOINT_BYTES))
  }

  /** Call only when all that it says is on stable storage. Throws DiskError; the one before it counts on. */
  async write(progress: TimerProgress, nowMs: number): Promise<void> {
    const { stateVersion, counter } = this.dataVersion
    const sector = Buffer.alloc(SECTOR)
    putLong(sector, 0, progress.lastReadTimeMs)
    putLong(sector, 8, progress.lastTimerLogFlushPos)
    putLong(sector, 16, progress.lastTimerQueueOffset)
    putLong(sector, 24, progress.lastTimerQueueOffset)
    putLong(sector, 32, stateVersion)
    putLong(sector, 40, nowMs)
    putLong(sector, 48, counter + 1)
    putInt(sector, OURS, MAGIC)
    putInt(sector, OURS + 4, VERSION)
    putLong(sector, OURS + 8, progress.wheelPos)
    putLong(sector, OURS + 16, progress.deliveredInSlot)
    putLong(sector, OURS + 24, progress.pending)
    putLong(sector, OURS + 32, progress.knownTo)
    putInt(sector, OURS + 40, progress.precisionMs)
    putLong(sector, OURS + 44, progress.knownBeforeMs)
    putInt(sector, CRC_AT, crc32(sector.subarray(0, CRC_AT)) | 0)
    await this.#file.write([sector], 0)
    await this.#file.sync()
    sector.copy(this.#sector)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
