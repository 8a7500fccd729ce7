import type { Disk, DiskFile } from '@rocketcluster/world'
import { makeDurableDirectory } from './make-directory.ts'

/** One file of the log. */
export class LogFile {
  readonly path: string
  /** Physical offset of its first byte; also its name. */
  readonly start: number
  handle: Promise<DiskFile> | undefined
  /** Reads and writes under way. */
  users = 0
  /** Gone from the directory; the handle is closed when the last user is done. */
  removed = false
  /** What has been written since the last sync. */
  dirty = false
  lastUse = 0

  constructor(directory: string, start: number) {
    this.start = start
    this.path = `${directory}/${offsetToFileName(start)}`
  }
}

/** UtilAll.java#offset2FileName: 20 decimal digits. */
export function offsetToFileName(offset: number): string {
  return String(offset).padStart(20, '0')
}

const FILE_NAME = /^\d{20}$/
const REWRITE_BYTES = 4 * 1024 * 1024

/**
 * The files of the log, `fileSizeBytes` each, without a gap. They are created at their full length, sparse: Apache
 * refuses shorter ones. Handles are opened when needed and at most `maxOpenFiles` are kept.
 */
export class LogFiles {
  readonly fileSizeBytes: number
  readonly directory: string
  readonly #disk: Disk
  readonly #maxOpenFiles: number
  readonly #setting: string
  readonly #files: LogFile[] = []
  readonly #creating = new Map<number, Promise<LogFile>>()
  #tick = 0
  #open = 0

  /** `setting` names the key of broker.conf that gives the files their size. */
  constructor(
    disk: Disk,
    directory: string,
    fileSizeBytes: number,
    maxOpenFiles: number,
    setting = 'mappedFileSizeCommitLog',
  ) {
    this.#disk = disk
    this.#setting = setting
    this.directory = directory
    this.fileSizeBytes = fileSizeBytes
    this.#maxOpenFiles = maxOpenFiles
  }

  get files(): readonly LogFile[] {
    return this.#files
  }

  /** Physical offset of the first byte kept; 0 when there is no file. */
  get minOffset(): number {
    return this.#files[0]?.start ?? 0
  }

  /** Physical offset behind the last file. */
  get maxOffset(): number {
    const last = this.#files.at(-1)
    return last === undefined ? 0 : last.start + this.fileSizeBytes
  }

  startOf(physicalOffset: number): number {
    return physicalOffset - (physicalOffset % this.fileSizeBytes)
  }

  /** The file that holds `physicalOffset`. */
  find(physicalOffset: number): LogFile | undefined {
    const first = this.#files[0]
    if (first === undefined || physicalOffset < first.start) return undefined
    return this.#files[Math.floor((physicalOffset - first.start) / this.fileSizeBytes)]
  }

  /**
   * Reads the directory. A short file (cut by hand, or created by a process that died before it gave it its length) is
   * given its full length with zeros. Throws Error when names or lengths cannot be those of this log.
   */
  async load(): Promise<void> {
    await makeDurableDirectory(this.#disk, this.directory)
    const short: LogFile[] = []
    for (const entry of await this.#disk.list(this.directory)) {
      if (entry.kind !== 'file' || !FILE_NAME.test(entry.name)) continue
      const start = Number(entry.name)
      const path = `${this.directory}/${entry.name}`
      if (!Number.isSafeInteger(start) || start % this.fileSizeBytes !== 0)
        throw new Error(
          `${path}: a log file must begin at a multiple of ${this.#setting}, which is ${this.fileSizeBytes}; set it to what the store was made with`,
        )
      const expected = this.#files.length > 0 ? this.maxOffset : start
      if (start !== expected)
        throw new Error(
          `${this.directory}/${offsetToFileName(expected)} is missing, later files are there; put it back, or move the files before ${entry.name} away`,
        )
      const sizeBytes = (await this.#disk.stat(path))?.sizeBytes ?? 0
      if (sizeBytes > this.fileSizeBytes)
        throw new Error(
          `${path} has ${sizeBytes} bytes; ${this.#setting} is ${this.fileSizeBytes}: set it to what the store was made with`,
        )
      const file = new LogFile(this.directory, start)
      this.#files.push(file)
      if (sizeBytes < this.fileSizeBytes) short.push(file)
    }
    // Only now that all is known to be in order: a wrong setting must not change a file.
    for (const file of short) await this.use(file, handle => handle.truncate(this.fileSizeBytes))
  }

  /** Makes the file that begins at `start`, which must be the end of the last one (or anywhere when there is none). */
  create(start: number): Promise<LogFile> {
    const known = this.find(start)
    if (known !== undefined) return Promise.resolve(known)
    let creating = this.#creating.get(start)
    if (creating === undefined) {
      creating = this.#create(start).finally(() => this.#creating.delete(start))
      this.#creating.set(start, creating)
    }
    return creating
  }

  async #create(start: number): Promise<LogFile> {
    await this.#creating.get(start - this.fileSizeBytes)
    if (this.#files.length > 0 && start !== this.maxOffset)
      throw new Error(`a log file at ${start} cannot follow one that ends at ${this.maxOffset}`)
    const file = new LogFile(this.directory, start)
    const handle = await this.#disk.open(file.path, 'create')
    try {
      // Emptied first: nothing of a removed file's content may ever lie behind the end of the log.
      await handle.truncate(0)
      await handle.truncate(this.fileSizeBytes)
      await handle.sync()
      await this.#disk.syncDirectory(this.directory)
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
    file.handle = Promise.resolve(handle)
    this.#open++
    this.#files.push(file)
    return file
  }

  /** Runs `work` with the open file; the handle stays open at least until it is done, even when the file is removed meanwhile. */
  async use<T>(file: LogFile, work: (handle: DiskFile) => Promise<T>): Promise<T> {
    file.users++
    file.lastUse = ++this.#tick
    try {
      if (file.handle === undefined) {
        this.#open++
        file.handle = this.#disk.open(file.path, 'readWrite')
        file.handle.catch(() => {
          file.handle = undefined
          this.#open--
        })
        if (this.#open > this.#maxOpenFiles) this.#closeIdle()
      }
      return await work(await file.handle)
    } finally {
      file.users--
      if (file.removed && file.users === 0) this.#close(file)
    }
  }

  #closeIdle(): void {
    let idle: LogFile | undefined
    for (const file of this.#files)
      if (
        file.handle !== undefined &&
        file.users === 0 &&
        !file.dirty &&
        (idle === undefined || file.lastUse < idle.lastUse)
      )
        idle = file
    if (idle !== undefined) this.#close(idle)
  }

  #close(file: LogFile): void {
    const handle = file.handle
    if (handle === undefined) return
    file.handle = undefined
    this.#open--
    handle.then(open => open.close()).catch(() => {})
  }

  /** Syncs every file that was written since its last sync. Throws DiskError; nothing is known about the content then. */
  async sync(): Promise<void> {
    for (const file of this.#files.filter(file => file.dirty)) {
      if (file.removed) continue
      file.dirty = false
      try {
        await this.use(file, handle => handle.sync())
      } catch (error) {
        file.dirty = true
        throw error
      }
    }
  }

  /**
   * Brings what a dead process wrote from `from` up to `to` to stable storage, by writing it once more and syncing. A sync
   * alone would not do: when the one before it failed, the kernel may have dropped the pages' need to be written and keep
   * their content for readers, until the power goes. Throws DiskError.
   */
  async rewriteBetween(from: number, to: number): Promise<void> {
    const chunk = Buffer.allocUnsafe(Math.min(REWRITE_BYTES, Math.max(0, to - from)))
    for (const file of this.#files) {
      const end = Math.min(to, file.start + this.fileSizeBytes)
      if (end <= from || file.start >= to) continue
      await this.use(file, async handle => {
        for (let at = Math.max(from, file.start); at < end; ) {
          const part = chunk.subarray(0, Math.min(chunk.length, end - at))
          const read = await handle.read(part, at - file.start)
          if (read === 0) break
          await handle.write([part.subarray(0, read)], at - file.start)
          at += read
        }
        await handle.sync()
      })
    }
  }

  /** Removes the oldest file. Readers that are at it finish. */
  async removeFirst(): Promise<void> {
    const file = this.#files[0]
    if (file === undefined) return
    // First out of the list: nobody opens it any more.
    this.#files.shift()
    try {
      await this.#disk.remove(file.path)
    } catch (error) {
      this.#files.unshift(file)
      throw error
    }
    this.#forget(file)
    await this.#disk.syncDirectory(this.directory)
  }

  /** Removes all files that begin at or behind `physicalOffset`, the last one first. */
  async removeFrom(physicalOffset: number): Promise<void> {
    await Promise.allSettled(this.#creating.values())
    let removed = false
    for (let last = this.#files.at(-1); last !== undefined && last.start >= physicalOffset; last = this.#files.at(-1)) {
      await this.#disk.remove(last.path)
      this.#files.pop()
      this.#forget(last)
      removed = true
    }
    if (removed) await this.#disk.syncDirectory(this.directory)
  }

  #forget(file: LogFile): void {
    file.removed = true
    file.dirty = false
    if (file.users === 0) this.#close(file)
  }

  /**
   * Makes everything from `physicalOffset` on zeros again: cuts its file and gives it back its length, removes later ones. The
   * first file stays, empty, unless it begins at 0: its name says where the log goes on.
   */
  async clearFrom(physicalOffset: number): Promise<void> {
    const start = this.startOf(physicalOffset)
    const inside = physicalOffset - start
    const goes = inside === 0 && !(start > 0 && start === this.minOffset)
    await this.removeFrom(goes ? start : start + this.fileSizeBytes)
    const file = this.find(physicalOffset)
    if (file === undefined) return
    await this.use(file, async handle => {
      await handle.truncate(inside)
      await handle.truncate(this.fileSizeBytes)
      await handle.sync()
    })
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#creating.values())
    for (const file of this.#files) {
      const handle = file.handle
      if (handle === undefined) continue
      file.handle = undefined
      await (await handle).close()
    }
    this.#open = 0
  }
}
