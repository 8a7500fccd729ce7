import fs from 'node:fs'
import {
  type DirectoryEntry,
  type Disk,
  DiskError,
  type DiskFile,
  type DiskSpace,
  type FileStat,
  type OpenMode,
} from '../disk.ts'
import { diskError } from './disk-error.ts'
import { assertNotLocked, lockFile } from './lock.ts'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants

const OPEN_FLAGS: Record<OpenMode, number> = {
  read: O_RDONLY,
  readWrite: O_RDWR,
  create: O_RDWR | O_CREAT,
  createNew: O_RDWR | O_CREAT | O_EXCL,
}

type Callback = (error: NodeJS.ErrnoException | null) => void

/** Turns one call of fs into a promise with our error. */
function call(path: string, doing: string, start: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start(error => {
      if (error) reject(diskError(error, path, doing))
      else resolve()
    })
  })
}

function callFor<T>(
  path: string,
  doing: string,
  start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(diskError(error, path, doing))
      else resolve(value)
    })
  })
}

const CLOSED = -1

class NodeFile implements DiskFile {
  readonly path: string
  #fd: number
  // A descriptor number is given out again as soon as it is closed: an operation that waits in the thread pool meanwhile
  // would write into somebody else's file. So closing waits for what is under way.
  #underWay = 0
  #closing: Promise<void> | undefined
  #whenIdle: (() => void) | undefined

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!this.#begin('read', reject)) return
      let filled = 0
      const next = (error: NodeJS.ErrnoException | null, bytesRead: number) => {
        if (error) {
          this.#finish()
          reject(diskError(error, this.path, 'read'))
          return
        }
        filled += bytesRead
        if (bytesRead === 0 || filled === into.length) {
          this.#finish()
          resolve(filled)
        } else fs.read(this.#fd, into, filled, into.length - filled, position + filled, next)
      }
      if (into.length === 0) next(null, 0)
      else fs.read(this.#fd, into, 0, into.length, position, next)
    })
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#begin('write', reject)) return
      let left = buffers as Uint8Array[]
      let leftBytes = 0
      for (let i = 0; i < left.length; i++) leftBytes += left[i]!.length

      const next = (error: NodeJS.ErrnoException | null, written: number) => {
        if (error) {
          this.#finish()
          reject(diskError(error, this.path, 'write'))
          return
        }
        leftBytes -= written
        if (leftBytes === 0) {
          this.#finish()
          resolve()
          return
        }
        // Short: a signal, a quota or a nearly full disk. Going on either succeeds or learns the error.
        if (written === 0) {
          this.#finish()
          reject(new DiskError('EIO', this.path, 'write (nothing was taken)'))
          return
        }
        position += written
        left = dropBytes(left, written)
        start()
      }
      // libuv cuts the list at IOV_MAX (1024) itself, inside one visit to the thread pool.
      const start = () => {
        if (left.length === 1) fs.write(this.#fd, left[0]!, 0, left[0]!.length, position, next)
        else fs.writev(this.#fd, left, position, next)
      }
      if (leftBytes === 0) next(null, 0)
      else start()
    })
  }

  sync(): Promise<void> {
    return this.#run('sync', (fd, done) => fs.fdatasync(fd, done))
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#run('truncate', (fd, done) => fs.ftruncate(fd, sizeBytes, done))
  }

  async size(): Promise<number> {
    let size = 0
    await this.#run('size of', (fd, done) =>
      fs.fstat(fd, (error, stats) => {
        if (!error) size = stats.size
        done(error)
      }),
    )
    return size
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>(resolve => (this.#whenIdle = resolve))
    const fd = this.#fd
    this.#fd = CLOSED
    await call(this.path, 'close', done => fs.close(fd, done))
  }

  #run(doing: string, start: (fd: number, done: Callback) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#begin(doing, reject)) return
      start(this.#fd, error => {
        this.#finish()
        if (error) reject(diskError(error, this.path, doing))
        else resolve()
      })
    })
  }

  #begin(doing: string, reject: (error: DiskError) => void): boolean {
    if (this.#closing) {
      reject(new DiskError('UNKNOWN', this.path, `file is closed: ${doing}`))
      return false
    }
    this.#underWay++
    return true
  }

  #finish(): void {
    this.#underWay--
    if (this.#underWay === 0) this.#whenIdle?.()
  }
}

/** What is left of the list behind its first `bytes`; views, not copies. */
function dropBytes(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0
  while (bytes >= buffers[index]!.length) bytes -= buffers[index++]!.length
  const rest = buffers.slice(index)
  if (bytes > 0) rest[0] = rest[0]!.subarray(bytes)
  return rest
}

function kindOf(entry: fs.Dirent | fs.Stats): 'file' | 'directory' {
  return entry.isDirectory() ? 'directory' : 'file'
}

async function stat(path: string): Promise<FileStat | undefined> {
  return new Promise((resolve, reject) => {
    fs.stat(path, (error, stats) => {
      if (!error) resolve({ kind: kindOf(stats), sizeBytes: stats.size, modifiedMs: Math.floor(stats.mtimeMs) })
      else if (error.code === 'ENOENT') resolve(undefined)
      else reject(diskError(error, path, 'stat'))
    })
  })
}

/** The machine's file systems. */
export const nodeDisk: Disk = {
  async open(path, mode) {
    assertNotLocked(path, 'open')
    const fd = await callFor<number>(path, `open (${mode})`, done => fs.open(path, OPEN_FLAGS[mode], 0o644, done))
    const file = new NodeFile(path, fd)
    // The kernel opens a directory for reading and complains later.
    if (mode === 'read' && (await stat(path))?.kind === 'directory') {
      await file.close()
      throw new DiskError('EISDIR', path, `open (${mode})`)
    }
    return file
  },

  async readFile(path) {
    assertNotLocked(path, 'read')
    return callFor<Buffer>(path, 'read', done => fs.readFile(path, done))
  },

  stat,

  async list(path) {
    const found = await callFor<fs.Dirent[]>(path, 'list', done => fs.readdir(path, { withFileTypes: true }, done))
    const entries: DirectoryEntry[] = []
    for (const entry of found) {
      // Kubernetes mounts a ConfigMap as symbolic links: what counts is what they point to.
      const target = entry.isSymbolicLink() ? await stat(`${path}/${entry.name}`) : undefined
      if (entry.isSymbolicLink() && !target) continue
      entries.push({ name: entry.name, kind: target?.kind ?? kindOf(entry) })
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  },

  async makeDirectory(path) {
    await call(path, 'make directory', done => fs.mkdir(path, { recursive: true }, error => done(error)))
  },

  rename: (from, to) => call(from, `rename to ${to}:`, done => fs.rename(from, to, done)),

  remove: path => call(path, 'remove', done => fs.unlink(path, error => done(error?.code === 'ENOENT' ? null : error))),

  removeTree: path => call(path, 'remove tree', done => fs.rm(path, { recursive: true, force: true }, done)),

  async syncDirectory(path) {
    const fd = await callFor<number>(path, 'sync directory', done =>
      fs.open(path, O_RDONLY | (fs.constants.O_DIRECTORY ?? 0), done),
    )
    try {
      await call(path, 'sync directory', done => fs.fsync(fd, done))
    } finally {
      await call(path, 'sync directory', done => fs.close(fd, done))
    }
  },

  async space(path): Promise<DiskSpace> {
    const { bsize, blocks, bavail } = await callFor<fs.StatsFs>(path, 'space of', done => fs.statfs(path, done))
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  },

  lock: lockFile,
}
