import type { Disk, DiskFile, Log } from '@rocketcluster/world'

interface Entry {
  readonly opening: Promise<DiskFile>
  /** Calls under way. */
  users: number
  /** Out of the table; closed by the last user. */
  doomed: boolean
}

/** Files opened on demand, the least recently used closed again. Thousands of queues share a few dozen handles. */
export class OpenFiles {
  readonly #disk: Disk
  readonly #log: Log
  readonly #maxOpenFiles: number
  /** In order of use, the oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk, maxOpenFiles: number, log: Log) {
    if (!(Number.isInteger(maxOpenFiles) && maxOpenFiles >= 1))
      throw new RangeError(`maxOpenFiles is ${maxOpenFiles}; allowed are integers from 1`)
    this.#disk = disk
    this.#log = log
    this.#maxOpenFiles = maxOpenFiles
  }

  get size(): number {
    return this.#entries.size
  }

  /** Runs with the file open; it stays open at least until `run` has finished. Throws DiskError, ENOENT included. */
  async use<T>(path: string, run: (file: DiskFile) => Promise<T>): Promise<T> {
    let entry = this.#entries.get(path)
    if (entry === undefined) entry = { opening: this.#disk.open(path, 'readWrite'), users: 0, doomed: false }
    else this.#entries.delete(path)
    this.#entries.set(path, entry)
    entry.users++
    try {
      // The eviction looks only at entries without a user, so at least this one stays.
      if (this.#entries.size > this.#maxOpenFiles) this.#evict()
      const file = await entry.opening.catch((error: unknown) => {
        if (this.#entries.get(path) === entry) this.#entries.delete(path)
        entry.doomed = false
        throw error
      })
      return await run(file)
    } finally {
      entry.users--
      if (entry.users === 0) {
        if (entry.doomed) this.#close(path, entry)
        else if (this.#entries.size > this.#maxOpenFiles) this.#evict()
      }
    }
  }

  /** Lets go of one file, or of all below a directory when `path` ends in a slash; those in use close when they are done. */
  async forget(path: string): Promise<void> {
    const closing: Promise<void>[] = []
    for (const [name, entry] of this.#entries) {
      if (path.endsWith('/') ? !name.startsWith(path) : name !== path) continue
      this.#entries.delete(name)
      entry.doomed = true
      if (entry.users === 0) closing.push(this.#close(name, entry))
    }
    await Promise.all(closing)
  }

  async close(): Promise<void> {
    await this.forget('/')
  }

  #evict(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxOpenFiles) return
      if (entry.users > 0) continue
      this.#entries.delete(path)
      entry.doomed = true
      this.#close(path, entry)
    }
  }

  /** What had to reach the disk was synced by its writer, so a failing close loses nothing. */
  async #close(path: string, entry: Entry): Promise<void> {
    try {
      await (await entry.opening).close()
    } catch (error) {
      this.#log.warn({ err: error, path }, 'closing a file failed')
    }
  }
}
