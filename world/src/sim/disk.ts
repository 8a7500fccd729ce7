import {
  type DirectoryEntry,
  type Disk,
  DiskError,
  type DiskFile,
  type DiskLock,
  type DiskSpace,
  type FileStat,
  type OpenMode,
} from '../disk.ts'
import type { DiskMedium, Operation, SimFile } from './medium.ts'
import type { RunningSync } from './pages.ts'
import type { SimRandom } from './random.ts'
import type { SimProcess } from './scheduler.ts'

/** How long things take, in virtual milliseconds: uniform between the two, and now and then ten times as long. */
export interface DiskLatency {
  readonly io: readonly [least: number, most: number]
  readonly sync: readonly [least: number, most: number]
}

export const DEFAULT_DISK_LATENCY: DiskLatency = { io: [0.01, 0.2], sync: [0.1, 3] }
const SLOW_CHANCE = 0.01
const SLOW_FACTOR = 10

/** The file system as one process sees it. When the process is dead, nothing it asked for ever completes. */
export class SimDisk implements Disk {
  readonly #medium: DiskMedium
  readonly #process: SimProcess
  readonly #random: SimRandom
  readonly #latency: DiskLatency
  readonly #now: () => number
  /** What the kernel does about an operation that is half done when the process dies. */
  readonly #underWay = new Set<() => void>()
  readonly #open = new Set<SimHandle>()

  constructor(medium: DiskMedium, process: SimProcess, random: SimRandom, latency: DiskLatency, now: () => number) {
    this.#medium = medium
    this.#process = process
    this.#random = random
    this.#latency = latency
    this.#now = now
    process.atDeath.push(() => {
      for (const abandon of this.#underWay) abandon()
      for (const handle of this.#open) medium.closed(handle.file)
      medium.processDied(process)
    })
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.perform('open', path, () => {
      const doing = `open (${mode})`
      this.#medium.assertNotLockedBy(this.#process, path, doing)
      const node = this.#medium.find(path, doing)
      if (node && mode === 'createNew') throw new DiskError('EEXIST', path, doing)
      const makes = mode === 'create' || mode === 'createNew'
      const file = !node && makes ? this.#medium.create(path, doing, this.#now()) : this.#medium.file(path, doing)
      const handle = new SimHandle(this, path, file, mode !== 'read')
      file.handles++
      this.#open.add(handle)
      return handle
    })
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.perform('read', path, () => {
      this.#medium.assertNotLockedBy(this.#process, path, 'read')
      const { pages } = this.#medium.file(path, 'read')
      const bytes = Buffer.alloc(pages.sizeBytes)
      pages.read(bytes, 0)
      return bytes
    })
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.perform('list', path, () => {
      const node = this.#medium.find(path, 'stat')
      if (!node) return undefined
      return node.kind === 'file'
        ? { kind: 'file', sizeBytes: node.pages.sizeBytes, modifiedMs: node.pages.modifiedMs }
        : { kind: 'directory', sizeBytes: 4096, modifiedMs: node.modifiedMs }
    })
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.perform('list', path, () =>
      [...this.#medium.directory(path, 'list').entries]
        .map(([name, { kind }]): DirectoryEntry => ({ name, kind }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    )
  }

  makeDirectory(path: string): Promise<void> {
    return this.perform('open', path, () => this.#medium.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.perform('rename', from, () => this.#medium.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.perform('remove', path, () => this.#medium.remove(path))
  }

  removeTree(path: string): Promise<void> {
    return this.perform('remove', path, () => this.#medium.removeTree(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.perform('syncDirectory', path, () => this.#medium.syncDirectory(path))
  }

  space(path: string): Promise<DiskSpace> {
    return this.perform('list', path, () => {
      if (!this.#medium.find(path, 'space of')) throw new DiskError('ENOENT', path, 'space of')
      return { totalBytes: this.#medium.capacityBytes, freeBytes: this.#medium.freeBytes }
    })
  }

  lock(path: string): Promise<DiskLock> {
    return this.perform('open', path, () => {
      const release = this.#medium.lock(path, this.#process, this.#now())
      return { release: async () => release() }
    })
  }

  /** Does `run` after a while, unless a fault strikes or the process dies first; `abandon` then says what is left of it. */
  perform<T>(operation: Operation, path: string, run: () => T, abandon?: () => void): Promise<T> {
    const [least, most] = operation === 'sync' || operation === 'syncDirectory' ? this.#latency.sync : this.#latency.io
    const delay = this.#random.between(least, most) * (this.#random.chance(SLOW_CHANCE) ? SLOW_FACTOR : 1)
    return new Promise((resolve, reject) => {
      if (!this.#process.alive) return
      if (abandon) this.#underWay.add(abandon)
      this.#process.schedule(`${operation} ${path}`, delay, () => {
        if (abandon) this.#underWay.delete(abandon)
        try {
          this.#medium.strike(operation, path)
          resolve(run())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  /** How much of a write is done when the process dies in the middle of it. */
  partOf(bytes: number): number {
    return this.#random.int(bytes + 1)
  }

  now(): number {
    return this.#now()
  }

  closed(handle: SimHandle): void {
    if (this.#open.delete(handle)) this.#medium.closed(handle.file)
  }
}

class SimHandle implements DiskFile {
  readonly path: string
  readonly file: SimFile
  readonly #disk: SimDisk
  readonly #writable: boolean
  #closed = false

  constructor(disk: SimDisk, path: string, file: SimFile, writable: boolean) {
    this.#disk = disk
    this.path = path
    this.file = file
    this.#writable = writable
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#closed
      ? this.#refuse('read')
      : this.#disk.perform('read', this.path, () => this.file.pages.read(into, position))
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    if (this.#closed) return this.#refuse('write')
    if (!this.#writable)
      return Promise.reject(new DiskError('UNKNOWN', this.path, 'file is open for reading only: write'))
    let bytes = 0
    for (const buffer of buffers) bytes += buffer.length
    return this.#disk.perform(
      'write',
      this.path,
      () => {
        if (this.#put(buffers, position, bytes) < bytes) throw new DiskError('ENOSPC', this.path, 'write')
      },
      () => this.#put(buffers, position, this.#disk.partOf(bytes)),
    )
  }

  #put(buffers: readonly Uint8Array[], position: number, limit: number): number {
    const { pages } = this.file
    let done = 0
    for (const buffer of buffers) {
      const part = buffer.subarray(0, limit - done)
      const taken = pages.write(part, position + done)
      done += taken
      if (taken < part.length || done === limit) break
    }
    pages.modifiedMs = this.#disk.now()
    return done
  }

  async sync(): Promise<void> {
    if (this.#closed) return this.#refuse('sync')
    const { pages } = this.file
    const running: RunningSync = pages.beginSync()
    try {
      await this.#disk.perform(
        'sync',
        this.path,
        () => pages.endSync(running, true),
        () => pages.abandonSync(running),
      )
    } catch (error) {
      pages.endSync(running, false)
      throw error
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    if (this.#closed) return this.#refuse('truncate')
    if (!this.#writable)
      return Promise.reject(new DiskError('UNKNOWN', this.path, 'file is open for reading only: truncate'))
    return this.#disk.perform('truncate', this.path, () => {
      this.file.pages.truncate(sizeBytes)
      this.file.pages.modifiedMs = this.#disk.now()
    })
  }

  size(): Promise<number> {
    return this.#closed
      ? this.#refuse('size of')
      : this.#disk.perform('list', this.path, () => this.file.pages.sizeBytes)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#disk.perform('list', this.path, () => this.#disk.closed(this))
  }

  #refuse(doing: string): Promise<never> {
    return Promise.reject(new DiskError('UNKNOWN', this.path, `file is closed: ${doing}`))
  }
}
