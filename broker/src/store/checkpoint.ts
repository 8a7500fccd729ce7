import { crc32 } from 'node:zlib'
import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Disk, DiskFile } from '@rocketcluster/world'

/**
 * `checkpoint`, 4096 bytes: Apache's longs at the front (StoreCheckpoint.java), and in the bytes it leaves alone two
 * places for what we know more exactly. They are written in turn, each in a sector of its own, so a write that tears
 * leaves the one before it.
 *
 *     0 physicMsgTimestamp 8   logicsMsgTimestamp 8   indexMsgTimestamp 8   masterFlushedOffset 8   confirmPhyOffset 8
 *  1024 | 2048  magic 4  version 4  sequence 8  vouchedOffset 8  lastRecord 8  previousRecord 8  syncedOffset 8
 *               indexedOffset 8  entryCount 8  physicMsgTimestamp 8  logicsMsgTimestamp 8  crc 4
 */
const FILE_SIZE = 4096
const APACHE_SIZE = 40
const PLACES = [1024, 2048] as const
const PLACE_SIZE = 84
/** "RKCP" */
const MAGIC = 0x524b4350
const VERSION = 1

/** Apache's part. Times are storeTimestamps of the newest message that is synced in the log, the queues, the index. */
export interface ApacheCheckpoint {
  readonly physicMsgTimestamp: number
  readonly logicsMsgTimestamp: number
  readonly indexMsgTimestamp: number
}

/** In place of `Vouched.entryCount`: the consume queues are about to be cut, and were not counted. */
export const NOT_COUNTED = -1

/** Our part. */
export interface Vouched {
  /** A record boundary: log, consume queues and index are all on stable storage up to here. */
  readonly vouchedOffset: number
  /** Start of the last record before `vouchedOffset`; -1 when there is none. Proves that the log is still the same. */
  readonly lastRecord: number
  /** Start of an older record, for the case that the last one is damaged; -1 when there is none. */
  readonly previousRecord: number
  /** A record boundary at or behind `vouchedOffset`: the log is on stable storage up to here. */
  readonly syncedOffset: number
  /** Physical offset of the newest message in the index; -1 when it is empty. */
  readonly indexedOffset: number
  /** The maxOffsets of all consume queues together, at `vouchedOffset`: anything else means that files were lost or cut. Or NOT_COUNTED. */
  readonly entryCount: number
}

export class Checkpoint {
  readonly #disk: Disk
  readonly #root: string
  readonly #file: DiskFile
  #sequence = 0
  #apache: ApacheCheckpoint = { physicMsgTimestamp: 0, logicsMsgTimestamp: 0, indexMsgTimestamp: 0 }
  #confirmPhyOffset = 0
  #masterFlushedOffset = 0
  #vouched: Vouched | undefined
  #untouched = false
  /** There was no `abort`: the last process closed the store as it should be. */
  readonly wasClean: boolean

  /** Reads what the last process left and marks the store as in use (`abort`). Throws DiskError. */
  static async open(disk: Disk, root: string): Promise<Checkpoint> {
    const wasClean = (await disk.stat(`${root}/abort`)) === undefined
    const file = await disk.open(`${root}/checkpoint`, 'create')
    try {
      const bytes = Buffer.alloc(FILE_SIZE)
      await file.read(bytes, 0)
      if ((await file.size()) < FILE_SIZE) await file.truncate(FILE_SIZE)
      const checkpoint = new Checkpoint(disk, root, file, wasClean)
      checkpoint.#parse(bytes)
      if (wasClean) {
        const abort = await disk.open(`${root}/abort`, 'create')
        await abort.close()
        await disk.syncDirectory(root)
      }
      return checkpoint
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  private constructor(disk: Disk, root: string, file: DiskFile, wasClean: boolean) {
    this.#disk = disk
    this.#root = root
    this.#file = file
    this.wasClean = wasClean
  }

  get apache(): ApacheCheckpoint {
    return this.#apache
  }

  /**
   * Nothing in the log before it can be rolled back (`AutoSwitchHAService`). Only stores of groups under a controller write it; what
   * has been vouched for is confirmed in any case.
   */
  get confirmPhyOffset(): number {
    return this.#confirmPhyOffset
  }

  /** undefined when none was written, or none of the two places is whole: then Apache's rules apply. */
  get vouched(): Vouched | undefined {
    return this.#vouched
  }

  get entryCount(): number {
    return this.#vouched?.entryCount ?? -1
  }

  /** Apache's part is as we left it: no Apache broker has had the store since. */
  get untouched(): boolean {
    return this.#untouched
  }

  #parse(bytes: Buffer): void {
    this.#apache = {
      physicMsgTimestamp: getLong(bytes, 0),
      logicsMsgTimestamp: getLong(bytes, 8),
      indexMsgTimestamp: getLong(bytes, 16),
    }
    this.#masterFlushedOffset = getLong(bytes, 24)
    this.#confirmPhyOffset = getLong(bytes, 32)
    for (const at of PLACES) {
      if (getInt(bytes, at) !== MAGIC || getInt(bytes, at + 4) !== VERSION) continue
      if (getInt(bytes, at + PLACE_SIZE - 4) !== (crc32(bytes.subarray(at, at + PLACE_SIZE - 4)) | 0)) continue
      const sequence = getLong(bytes, at + 8)
      if (sequence <= this.#sequence) continue
      this.#sequence = sequence
      this.#untouched =
        getLong(bytes, at + 64) === this.#apache.physicMsgTimestamp &&
        getLong(bytes, at + 72) === this.#apache.logicsMsgTimestamp
      this.#vouched = {
        vouchedOffset: getLong(bytes, at + 16),
        lastRecord: getLong(bytes, at + 24),
        previousRecord: getLong(bytes, at + 32),
        syncedOffset: getLong(bytes, at + 40),
        indexedOffset: getLong(bytes, at + 48),
        entryCount: getLong(bytes, at + 56),
      }
    }
  }

  /**
   * Call only when all that it says is on stable storage. `confirmPhyOffset` stays as it is when it is not given. Throws DiskError; the
   * checkpoint before it counts on.
   */
  async write(
    values: ApacheCheckpoint & Omit<Vouched, 'previousRecord'> & { readonly confirmPhyOffset?: number },
  ): Promise<void> {
    const before = this.#vouched
    const older = [before?.lastRecord ?? -1, before?.previousRecord ?? -1]
    const previousRecord = older.find(record => record < values.lastRecord) ?? -1
    const { confirmPhyOffset } = values
    const apache = Buffer.alloc(confirmPhyOffset === undefined ? APACHE_SIZE - 16 : APACHE_SIZE)
    if (confirmPhyOffset !== undefined) {
      putLong(apache, 24, this.#masterFlushedOffset)
      putLong(apache, 32, confirmPhyOffset)
    }
    putLong(apache, 0, values.physicMsgTimestamp)
    putLong(apache, 8, values.logicsMsgTimestamp)
    putLong(apache, 16, values.indexMsgTimestamp)
    const place = Buffer.alloc(PLACE_SIZE)
    const sequence = this.#sequence + 1
    putInt(place, 0, MAGIC)
    putInt(place, 4, VERSION)
    putLong(place, 8, sequence)
    putLong(place, 16, values.vouchedOffset)
    putLong(place, 24, values.lastRecord)
    putLong(place, 32, previousRecord)
    putLong(place, 40, values.syncedOffset)
    putLong(place, 48, values.indexedOffset)
    putLong(place, 56, values.entryCount)
    putLong(place, 64, values.physicMsgTimestamp)
    putLong(place, 72, values.logicsMsgTimestamp)
    putInt(place, PLACE_SIZE - 4, crc32(place.subarray(0, PLACE_SIZE - 4)) | 0)
    await this.#file.write([place], PLACES[sequence % 2]!)
    await this.#file.write([apache], 0)
    await this.#file.sync()
    this.#sequence = sequence
    this.#apache = values
    this.#confirmPhyOffset = confirmPhyOffset ?? this.#confirmPhyOffset
    this.#vouched = { ...values, previousRecord }
  }

  /** The store is closed with everything on stable storage: removes `abort`. */
  async markClean(): Promise<void> {
    await this.#disk.remove(`${this.#root}/abort`)
    await this.#disk.syncDirectory(this.#root)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
