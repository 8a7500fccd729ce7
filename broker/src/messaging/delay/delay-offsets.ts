import { delayOffset } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from '../../metadata/data-version.ts'
import { JsonFile } from '../../metadata/json-file.ts'
import type { Store } from '../../store/store.ts'

/** A state of the table that may go to disk once the log is final up to `end`. */
interface Candidate {
  readonly offsets: ReadonlyMap<number, number>
  readonly end: number
}

/**
 * How far each delay level has been delivered: `config/delayOffset.json` (DelayOffsetSerializeWrapper.java).
 *
 * What stands in the file is never ahead of the disk: a progress is written only when the delivered messages themselves
 * are synced. Apache writes both independently; a power cut between the two loses messages there.
 */
export class DelayOffsets {
  /** Delay level → offset in its queue of the next message to deliver. */
  readonly #table = new Map<number, number>()
  readonly #world: World
  readonly #store: Store
  readonly #file: JsonFile
  #written: ReadonlyMap<number, number> = new Map()
  #candidate: Candidate | undefined
  #dirty = false
  #dataVersion: DataVersion

  constructor(world: World, store: Store, directory: string) {
    this.#world = world
    this.#store = store
    this.#dataVersion = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, directory, 'delayOffset.json', () =>
      delayOffset.encode({ dataVersion: this.#dataVersion, offsetTable: new Map(this.#written) }),
    )
  }

  /** Forgets everything and reads the file, or its `.bak`. Rejects when both are there and unreadable. */
  async load(): Promise<void> {
    const stored = await this.#file.load(bytes => checked(delayOffset.decode(bytes)), this.#world.log)
    this.#table.clear()
    for (const [level, queueOffset] of stored?.offsetTable ?? []) this.#table.set(level, queueOffset)
    if (stored?.dataVersion) this.#dataVersion = { ...stored.dataVersion }
    this.#written = new Map(this.#table)
    this.#candidate = undefined
    this.#dirty = false
  }

  get(level: number): number | undefined {
    return this.#table.get(level)
  }

  /** What was delivered up to it has been written to the log. */
  set(level: number, queueOffset: number): void {
    if (this.#table.get(level) === queueOffset) return
    this.#table.set(level, queueOffset)
    this.#dirty = true
  }

  entries(): ReadonlyMap<number, number> {
    return this.#table
  }

  /** As GET_ALL_DELAY_OFFSET tells it. */
  snapshot() {
    return { dataVersion: this.#dataVersion, offsetTable: new Map(this.#table) }
  }

  /**
   * Writes what was the case at the last call, if the log has been synced since: called regularly it stays one period behind
   * and never asks for a sync of its own. Rejects with DiskError; it is tried again at the next call.
   */
  async saveSynced(): Promise<void> {
    const candidate = this.#candidate
    const ready = candidate !== undefined && this.#store.finalOffset >= candidate.end
    if (candidate === undefined || ready) this.#candidate = this.#capture()
    if (ready) await this.#write(candidate)
  }

  #capture(): Candidate | undefined {
    if (!this.#dirty) return undefined
    this.#dirty = false
    return { offsets: new Map(this.#table), end: this.#store.committedOffset }
  }

  async #write({ offsets }: Candidate): Promise<void> {
    const before = this.#written
    this.#written = offsets
    this.#dataVersion = nextVersion(this.#dataVersion, this.#world.clock)
    try {
      await this.#file.save()
    } catch (error) {
      this.#written = before
      this.#dirty = true
      throw error
    }
  }

  /** Syncs the log and writes everything. Rejects when the disk refuses either. */
  async save(): Promise<void> {
    if (!this.#dirty && this.#candidate === undefined) return
    const offsets = new Map(this.#table)
    const end = this.#store.committedOffset
    if (!(await this.#store.makeFinal(end)))
      throw new Error(
        `the log is not synced up to ${end}, or replicas lack it: delayOffset.json stays as it is, and messages may come twice`,
      )
    await this.#write({ offsets, end })
    this.#candidate = undefined
    this.#dirty = false
  }
}

/** Throws for what no broker has written: a level or an offset below what can be. */
function checked(stored: ReturnType<typeof delayOffset.decode>): ReturnType<typeof delayOffset.decode> {
  for (const [level, queueOffset] of stored.offsetTable)
    if (level < 1 || queueOffset < 0)
      throw new Error(`level ${level} with offset ${queueOffset}; allowed are levels from 1 and offsets from 0`)
  return stored
}
