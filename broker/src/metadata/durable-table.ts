import type { Log, World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from './data-version.ts'
import { JsonFile } from './json-file.ts'

export interface DurableTableOptions<T> {
  readonly directory: string
  /** File name below `directory`. */
  readonly name: string
  readonly print: (table: Map<string, T>, dataVersion: DataVersion) => Uint8Array
}

/**
 * Settings by name in one of the `config/*.json` files, changed rarely and never half: what `get` shows is on disk. A
 * change that cannot be written was never there, neither for requests nor for name servers, and DataVersion stays too.
 */
export class DurableTable<T> {
  readonly #table = new Map<string, T>()
  /** Changes on their way to the disk, the newest of each name; undefined deletes. */
  readonly #changes = new Map<string, { readonly value: T | undefined }>()
  readonly #file: JsonFile
  readonly #world: World
  #dataVersion: DataVersion
  /** Of the newest change, written or not: no two contents share a version. */
  #newest: DataVersion

  constructor(world: World, { directory, name, print }: DurableTableOptions<T>) {
    this.#world = world
    this.#dataVersion = this.#newest = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, directory, name, () => print(this.#withChanges(), this.#newest))
  }

  /** What `parse` makes of the stored file, if there is one. Throws when it is unreadable. */
  load<S>(parse: (bytes: Buffer) => S, log: Log): Promise<S | undefined> {
    return this.#file.load(parse, log)
  }

  /** Puts in what was loaded, without writing it. */
  fill(entries: Iterable<readonly [string, T]>, dataVersion?: DataVersion): void {
    for (const [name, value] of entries) this.#table.set(name, value)
    if (dataVersion) this.#dataVersion = this.#newest = { ...dataVersion }
  }

  get(name: string): T | undefined {
    return this.#table.get(name)
  }

  values(): IterableIterator<T> {
    return this.#table.values()
  }

  entries(): Map<string, T> {
    return this.#table
  }

  get size(): number {
    return this.#table.size
  }

  get dataVersion(): DataVersion {
    return this.#dataVersion
  }

  /** Creates, replaces, or with undefined deletes; resolves when that is on disk and visible. Throws DiskError: nothing changed then. */
  change(changes: ReadonlyMap<string, T | undefined>): Promise<void> {
    const version = nextVersion(this.#newest, this.#world.clock)
    this.#newest = version
    const mine = [...changes].map(([name, value]) => [name, { value }] as const)
    for (const [name, change] of mine) this.#changes.set(name, change)
    return this.#file.save().then(
      () => {
        for (const [name, change] of mine) {
          this.#forget(name, change)
          if (change.value === undefined) this.#table.delete(name)
          else this.#table.set(name, change.value)
        }
        if (version.counter > this.#dataVersion.counter) this.#dataVersion = version
      },
      error => {
        for (const [name, change] of mine) this.#forget(name, change)
        throw error
      },
    )
  }

  set(name: string, value: T | undefined): Promise<void> {
    return this.change(new Map([[name, value]]))
  }

  /**
   * Takes over what a master has, its version included, in place of everything here. Resolves when that is on disk and
   * visible. Throws DiskError: nothing changed then.
   */
  async adopt(entries: ReadonlyMap<string, T>, dataVersion: DataVersion): Promise<void> {
    const before = this.#newest
    const changes = new Map<string, { readonly value: T | undefined }>()
    for (const name of this.#table.keys()) changes.set(name, { value: undefined })
    for (const [name, value] of entries) changes.set(name, { value })
    for (const [name, change] of changes) this.#changes.set(name, change)
    this.#newest = { ...dataVersion }
    try {
      await this.#file.save()
      this.#table.clear()
      for (const [name, value] of entries) this.#table.set(name, value)
      this.#dataVersion = this.#newest
    } catch (error) {
      this.#newest = before
      throw error
    } finally {
      for (const [name, change] of changes) this.#forget(name, change)
    }
  }

  /** From now on versions are those of the master of this epoch: later than any of the masters before (DataVersion.java). */
  startEpoch(stateVersion: number): void {
    this.#dataVersion = this.#newest = { ...nextVersion(this.#newest, this.#world.clock), stateVersion }
  }

  /** A later change of the same name stays on its way. */
  #forget(name: string, change: object): void {
    if (this.#changes.get(name) === change) this.#changes.delete(name)
  }

  #withChanges(): Map<string, T> {
    if (this.#changes.size === 0) return this.#table
    const table = new Map(this.#table)
    for (const [name, { value }] of this.#changes) {
      if (value === undefined) table.delete(name)
      else table.set(name, value)
    }
    return table
  }

  /** Gives the same content another version: what name servers are told has changed for a reason outside. Written later. */
  renew(): void {
    this.#dataVersion = this.#newest = nextVersion(this.#newest, this.#world.clock)
  }

  /** Writes what there is, changed or not. */
  save(): Promise<void> {
    return this.#file.save()
  }
}
