import { type Disk, type Log, replaceFile } from '@rocketcluster/world'
import { makeDurableDirectory } from '../store/make-directory.ts'

/**
 * One of the `config/*.json` files: replaced as a whole, never half. Each write keeps the version before it as
 * `<file>.bak`, which `load` falls back to (ConfigManager.java does the same, without the syncs).
 *
 * Writes coalesce: while one is on its way to the disk, any number of `save` calls share the next one. That keeps the
 * creation of thousands of topics from writing the growing file thousands of times.
 */
export class JsonFile {
  readonly path: string
  readonly #disk: Disk
  readonly #directory: string
  readonly #print: () => Uint8Array
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #hasPrevious = false
  #hasDirectory = false

  /** `print` gives the content at the moment of writing. */
  constructor(disk: Disk, directory: string, name: string, print: () => Uint8Array) {
    this.#disk = disk
    this.#directory = directory
    this.path = `${directory}/${name}`
    this.#print = print
  }

  /**
   * Reads the file with `parse`, or its `.bak` when the file is absent or broken.
   * Returns undefined when neither exists; throws when what exists is unreadable: starting empty would forget topics.
   */
  async load<T>(parse: (bytes: Buffer) => T, log: Log): Promise<T | undefined> {
    let failure: unknown
    for (const path of [this.path, `${this.path}.bak`]) {
      if (!(await this.#disk.stat(path))) continue
      try {
        const bytes = await this.#disk.readFile(path)
        // Apache leaves an empty file when it is killed between creating and writing one.
        if (bytes.length === 0) throw new Error('the file is empty')
        const value = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
        this.#hasPrevious = path === this.path
        return value
      } catch (error) {
        failure = error
        log.error({ path, error }, 'cannot read a configuration file')
      }
    }
    if (failure)
      throw new Error(`${this.path} and its .bak are unreadable: ${(failure as Error).message}`, { cause: failure })
    return undefined
  }

  /** Resolves when a version that contains everything changed before this call is on stable storage. Throws DiskError. */
  save(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#write().finally(() => (this.#running = undefined))
      return this.#running
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.save()
      })
    return this.#next
  }

  async #write(): Promise<void> {
    // A directory that its parent has not been synced for vanishes with the power, and all that was saved with it.
    if (!this.#hasDirectory) await makeDurableDirectory(this.#disk, this.#directory)
    this.#hasDirectory = true
    await replaceFile(this.#disk, this.path, this.#print(), async () => {
      if (this.#hasPrevious) await this.#disk.rename(this.path, `${this.path}.bak`)
      // Until the new one has its name there is none: a second try must not fail over that.
      this.#hasPrevious = false
    })
    this.#hasPrevious = true
  }
}
