import {
  type Clock,
  type DirectoryEntry,
  type Disk,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  silentLog,
  type World,
} from '@rocketcluster/world'

/** A file's bytes as the process sees them, and as a power cut may leave them. */
class Inode {
  data: Buffer = Buffer.alloc(0)
  safe: Buffer = Buffer.alloc(0)
  pending: ((bytes: Buffer) => Buffer)[] = []

  apply(change: (bytes: Buffer) => Buffer): void {
    this.data = change(this.data)
    this.pending.push(change)
  }
}

const SECTOR = 512

type Directories = Map<string, Map<string, Inode | 'directory'>>

/** The store's root exists. */
function withStore(): Directories {
  return new Map([
    ['/', new Map([['store', 'directory']])],
    ['/store', new Map()],
  ])
}

function writeAt(bytes: Buffer, at: number, piece: Buffer): Buffer {
  if (bytes.length < at + piece.length) bytes = resized(bytes, at + piece.length)
  piece.copy(bytes, at)
  return bytes
}

function resized(bytes: Buffer, size: number): Buffer {
  const next = Buffer.alloc(size)
  bytes.copy(next, 0, 0, size)
  return next
}

/** A small file system in memory for the tests of the derived files: power cuts tear what was not synced, faults on demand. */
export class TestDisk implements Disk {
  readonly directories = withStore()
  readonly #safe = withStore()
  /** Asked before each write, sync, truncate, open, remove and directory sync. */
  fault: (what: string, path: string) => DiskErrorCode | undefined = () => undefined
  calls: { what: string; path: string }[] = []
  openHandles = 0

  #check(what: string, path: string): void {
    this.calls.push({ what, path })
    const code = this.fault(what, path)
    if (code !== undefined) throw new DiskError(code, path, what)
  }

  #split(path: string): [string, string] {
    const cut = path.lastIndexOf('/')
    return [path.slice(0, cut) || '/', path.slice(cut + 1)]
  }

  #inode(path: string): Inode | undefined {
    const [directory, name] = this.#split(path)
    const found = this.directories.get(directory)?.get(name)
    return found instanceof Inode ? found : undefined
  }

  /** The bytes at `path` right now. */
  bytes(path: string): Buffer {
    const inode = this.#inode(path)
    if (inode === undefined) throw new DiskError('ENOENT', path, 'read')
    return inode.data
  }

  /** Every path of a file below `directory`, in order. */
  files(directory = ''): string[] {
    const found: string[] = []
    for (const [parent, entries] of this.directories)
      for (const [name, entry] of entries)
        if (entry instanceof Inode && parent.startsWith(directory)) found.push(`${parent}/${name}`)
    return found.sort()
  }

  /** Power cut: synced bytes stay; each sector of the others, and each directory entry, by the roll of the dice. */
  crash(random: () => number): void {
    for (const [path, entries] of this.directories) {
      const safe = this.#safe.get(path) ?? new Map()
      for (const name of new Set([...entries.keys(), ...safe.keys()]))
        if (entries.get(name) !== safe.get(name)) {
          const kept = random() < 0.5 ? entries.get(name) : safe.get(name)
          if (kept === undefined) entries.delete(name)
          else entries.set(name, kept)
        }
    }
    for (const [path, entries] of [...this.directories]) {
      const [parent, name] = this.#split(path)
      if (path !== '/' && this.directories.get(parent)?.get(name) !== 'directory') this.directories.delete(path)
      else this.#safe.set(path, new Map(entries))
    }
    for (const path of [...this.#safe.keys()]) if (!this.directories.has(path)) this.#safe.delete(path)
    for (const entries of this.directories.values())
      for (const entry of entries.values())
        if (entry instanceof Inode) {
          for (const change of entry.pending) if (random() < 0.5) entry.safe = change(entry.safe)
          entry.pending = []
          entry.data = Buffer.from(entry.safe)
        }
    this.openHandles = 0
  }

  async open(path: string, mode: 'read' | 'readWrite' | 'create' | 'createNew'): Promise<DiskFile> {
    await null
    this.#check('open', path)
    const [directory, name] = this.#split(path)
    const entries = this.directories.get(directory)
    let inode = this.#inode(path)
    if (inode === undefined) {
      if (entries === undefined || mode === 'read' || mode === 'readWrite') throw new DiskError('ENOENT', path, 'open')
      inode = new Inode()
      entries.set(name, inode)
    }
    this.openHandles++
    return new TestFile(this, path, inode)
  }

  checkFor(file: TestFile, what: string): void {
    this.#check(what, file.path)
  }

  async readFile(path: string): Promise<Uint8Array> {
    return Buffer.from(this.bytes(path))
  }

  async stat(path: string) {
    await null
    const inode = this.#inode(path)
    if (inode !== undefined) return { kind: 'file' as const, sizeBytes: inode.data.length, modifiedMs: 0 }
    return this.directories.has(path) ? { kind: 'directory' as const, sizeBytes: 0, modifiedMs: 0 } : undefined
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    await null
    const entries = this.directories.get(path)
    if (entries === undefined) throw new DiskError('ENOENT', path, 'list')
    return [...entries]
      .map(([name, entry]) => ({ name, kind: entry instanceof Inode ? ('file' as const) : ('directory' as const) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async makeDirectory(path: string): Promise<void> {
    await null
    let at = ''
    for (const name of path.split('/').slice(1)) {
      const entries = this.directories.get(at || '/')!
      at = `${at}/${name}`
      if (entries.has(name)) continue
      entries.set(name, 'directory')
      this.directories.set(at, new Map())
      this.#safe.set(at, new Map())
    }
  }

  async rename(): Promise<void> {
    throw new Error('not needed here')
  }

  async remove(path: string): Promise<void> {
    await null
    this.#check('remove', path)
    const [directory, name] = this.#split(path)
    this.directories.get(directory)?.delete(name)
  }

  async removeTree(path: string): Promise<void> {
    await null
    this.#check('removeTree', path)
    for (const directory of [...this.directories.keys()])
      if (directory === path || directory.startsWith(`${path}/`)) this.directories.delete(directory)
    const [parent, name] = this.#split(path)
    this.directories.get(parent)?.delete(name)
  }

  async syncDirectory(path: string): Promise<void> {
    await null
    this.#check('syncDirectory', path)
    const entries = this.directories.get(path)
    if (entries === undefined) throw new DiskError('ENOENT', path, 'sync')
    this.#safe.set(path, new Map(entries))
  }

  async space() {
    return { totalBytes: 1e12, freeBytes: 1e12 }
  }

  async lock() {
    return { release: async () => {} }
  }
}

class TestFile implements DiskFile {
  readonly path: string
  readonly #disk: TestDisk
  readonly #inode: Inode
  #closed = false

  constructor(disk: TestDisk, path: string, inode: Inode) {
    this.#disk = disk
    this.path = path
    this.#inode = inode
  }

  #use(what: string): void {
    if (this.#closed) throw new Error(`${what} of a closed file ${this.path}`)
    this.#disk.checkFor(this, what)
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await null
    this.#use('read')
    return this.#inode.data.copy(into, 0, position, position + into.length)
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await null
    this.#use('write')
    const copy = Buffer.concat(buffers)
    await null
    if (!copy.equals(Buffer.concat(buffers))) throw new Error(`the buffers of a write to ${this.path} changed under it`)
    for (let at = 0; at < copy.length; ) {
      const length = Math.min(copy.length - at, SECTOR - ((position + at) % SECTOR))
      const piece = copy.subarray(at, at + length)
      const where = position + at
      this.#inode.apply(bytes => writeAt(bytes, where, piece))
      at += length
    }
  }

  async sync(): Promise<void> {
    await null
    this.#use('sync')
    this.#inode.safe = Buffer.from(this.#inode.data)
    this.#inode.pending = []
  }

  async truncate(sizeBytes: number): Promise<void> {
    await null
    this.#use('truncate')
    this.#inode.apply(bytes => resized(bytes, sizeBytes))
  }

  async size(): Promise<number> {
    this.#use('size')
    return this.#inode.data.length
  }

  async close(): Promise<void> {
    await null
    if (this.#closed) throw new Error(`${this.path} closed twice`)
    this.#closed = true
    this.#disk.openHandles--
  }
}

/** A world of which only the disk and a clock that stands still are used. */
export function testWorld(disk: TestDisk, now = Date.UTC(2024, 2, 5, 13, 14, 15, 16)): World & { time: number } {
  const world: { time: number; [part: string]: unknown } = {
    time: now,
    disk,
    log: silentLog,
    clock: {
      now: () => world.time,
      localTime(timestampMs: number) {
        const date = new Date(timestampMs)
        return {
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
          millisecond: date.getUTCMilliseconds(),
        }
      },
    } as Clock,
  }
  return world as unknown as World & { time: number }
}

/** A small generator with a seed (mulberry32). */
export function dice(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
