import type { World } from '@rocketcluster/world'
import type { StoreConfig } from './config.ts'
import type { LogFiles } from './log-files.ts'

const HOUR_MS = 3_600_000

export interface FileAge {
  readonly start: number
  readonly modifiedMs: number
}

export interface RetentionState {
  readonly nowMs: number
  /** Hour of the local day, 0 to 23. */
  readonly hour: number
  /** Share of the disk that is in use, 0 to 1. */
  readonly usedRatio: number
  /** An operator asked for it. */
  readonly manual: boolean
}

type RetentionConfig = Pick<
  StoreConfig,
  | 'fileReservedTime'
  | 'deleteWhen'
  | 'diskMaxUsedSpaceRatio'
  | 'diskSpaceCleanForciblyRatio'
  | 'cleanFileForciblyEnable'
  | 'deleteFileBatchMax'
>

/** The disk is so full that messages go which have not expired. */
const isForcible = (usedRatio: number, config: RetentionConfig): boolean =>
  config.cleanFileForciblyEnable && usedRatio * 100 > config.diskSpaceCleanForciblyRatio

/**
 * How many of the oldest files have to go now. `files` are all but the one being written, oldest first.
 * Nothing is deleted for being consumed, nor kept for not being consumed (DefaultMessageStore.java#CleanCommitLogService).
 */
export function filesToDelete(files: readonly FileAge[], state: RetentionState, config: RetentionConfig): number {
  const percent = state.usedRatio * 100
  const tooFull = percent > config.diskMaxUsedSpaceRatio
  const forcibly = isForcible(state.usedRatio, config)
  if (!tooFull && !forcibly && !state.manual && !config.deleteWhen.includes(state.hour)) return 0
  const most = Math.min(files.length, config.deleteFileBatchMax)
  let count = 0
  while (count < most && (forcibly || files[count]!.modifiedMs + config.fileReservedTime * HOUR_MS <= state.nowMs))
    count++
  return count
}

/** What retention tells the store. */
export interface RetentionOwner {
  /** Files from here on are in use. */
  activeFrom(): number
  /** Physical offset of the oldest message that is still to be delivered: only a disk that is nearly full goes before that. */
  neededFrom(): Promise<number>
  /** Files are gone: what is derived from them has to follow. */
  removed(): Promise<void>
  /** A reason while no more messages may be taken; undefined when they may. */
  diskFull(reason: string | undefined): void
  /** Called on each look that finds the disk below its warning level. */
  spaceIsBack(): void
}

/** Looks at the disk now and then, deletes what has expired, and stops the writers before the disk is full. */
export class Retention {
  readonly #world: World
  readonly #config: StoreConfig
  readonly #files: LogFiles
  readonly #owner: RetentionOwner
  #usedRatio = -1
  #running: Promise<number> | undefined
  #stopped = false

  constructor(world: World, config: StoreConfig, files: LogFiles, owner: RetentionOwner) {
    this.#world = world
    this.#config = config
    this.#files = files
    this.#owner = owner
  }

  get usedRatio(): number {
    return this.#usedRatio
  }

  /** One round; returns how many files it deleted. Rejects with DiskError. */
  async run({ manual = false } = {}): Promise<number> {
    // Several may wait for the same round: one goes on, the others wait again.
    while (this.#running !== undefined) {
      if (!manual) return this.#running
      await this.#running.catch(() => {})
    }
    if (this.#stopped) return 0
    this.#running = this.#run(manual).finally(() => (this.#running = undefined))
    return this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running?.catch(() => {})
  }

  async #run(manual: boolean): Promise<number> {
    const { clock, log } = this.#world
    try {
      await this.#look()
      const files = await this.#candidates()
      const nowMs = clock.now()
      const { hour } = clock.localTime(nowMs)
      const wanted = filesToDelete(files, { nowMs, hour, usedRatio: this.#usedRatio, manual }, this.#config)
      const count = wanted === 0 ? 0 : await this.#sparingNeeded(files.slice(0, wanted))
      for (let i = 0; i < count && !this.#stopped; i++) {
        log.info({ path: this.#files.files[0]!.path, usedRatio: this.#usedRatio }, 'deleting an old commitlog file')
        await this.#files.removeFirst()
      }
      if (count > 0) {
        await this.#owner.removed()
        await this.#look()
      }
      return count
    } catch (error) {
      log.error({ error }, 'cleaning up old messages failed')
      throw error
    }
  }

  /** How many of the files may go: none that holds a message which waits for its time, unless the disk leaves no choice. */
  async #sparingNeeded(files: readonly FileAge[]): Promise<number> {
    const forcibly = isForcible(this.#usedRatio, this.#config)
    const neededFrom = await this.#owner.neededFrom().catch(error => {
      // A disk that is nearly full cannot wait until somebody can tell.
      if (!forcibly) throw error
      return 0
    })
    const free = files.filter(({ start }) => start + this.#files.fileSizeBytes <= neededFrom).length
    if (free === files.length || !forcibly) return free
    this.#world.log.error(
      { usedRatio: this.#usedRatio, neededFrom },
      'the disk is so full that messages go which still wait for their time',
    )
    return files.length
  }

  async #look(): Promise<void> {
    const { totalBytes, freeBytes } = await this.#world.disk.space(this.#config.storePathCommitLog)
    this.#usedRatio = totalBytes > 0 ? 1 - freeBytes / totalBytes : 0
    const percent = this.#usedRatio * 100
    if (percent > this.#config.diskSpaceWarningLevelRatio)
      this.#owner.diskFull(
        `the disk of ${this.#config.storePathCommitLog} is ${percent.toFixed(1)} % full; diskSpaceWarningLevelRatio is ${this.#config.diskSpaceWarningLevelRatio}`,
      )
    else {
      this.#owner.diskFull(undefined)
      this.#owner.spaceIsBack()
    }
  }

  async #candidates(): Promise<FileAge[]> {
    const activeFrom = this.#owner.activeFrom()
    const ages: FileAge[] = []
    // Never the last one, even when the log ends right behind it: its name tells the next start where offsets go on.
    for (const file of this.#files.files.slice(0, -1).slice(0, this.#config.deleteFileBatchMax)) {
      if (file.start >= activeFrom) break
      const stat = await this.#world.disk.stat(file.path)
      ages.push({ start: file.start, modifiedMs: stat?.modifiedMs ?? 0 })
    }
    return ages
  }
}
