/** A machine for the store's tests: virtual time, and a disk that a test can cut off, fill and damage. One seed, one run. */
import {
  type Clock,
  type DirectoryEntry,
  type Disk,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type DiskLock,
  type FileStat,
  type Log,
  type OpenMode,
  type Random,
  silentLog,
  type Timer,
  type World,
} from '@rocketcluster/world'

const SECTOR = 512

type Change = { kind: 'write'; position: number; bytes: Buffer } | { kind: 'truncate'; sizeBytes: number }

class Inode {
  content = Buffer.alloc(0)
  /** As of the last sync. */
  durable = Buffer.alloc(0)
  /** Since the last sync, in order. */
  changes: Change[] = []
  /** Changes that have been synced and are no longer in the list. */
  synced = 0
  modifiedMs = 0

  apply(change: Change): void {
    this.content = applied(this.content, change)
    this.changes.push(change)
  }
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const next = Buffer.alloc(change.sizeBytes)
    content.copy(next)
    return next
  }
  const end = change.position + change.bytes.length
  const next = end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : content
  change.bytes.copy(next, change.position)
  return next
}

interface Task {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** Small, fast, and the same everywhere (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    next,
    int: bound => Math.floor(next() * bound),
    bytes: length => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  }
}

export class TestWorld implements World {
  readonly random: Random
  readonly network = undefined as never
  log: Log = silentLog
  readonly clock: Clock
  readonly disk: Disk
  /** Decides about each write and sync: a code makes it fail. */
  fault: (operation: 'write' | 'sync', path: string) => DiskErrorCode | undefined = () => undefined
  space = { totalBytes: 1000, freeBytes: 900 }
  now = 1_700_000_000_000
  readonly files = new Map<string, Inode>()
  readonly #durableNames = new Map<string, Inode>()
  readonly #directories = new Set<string>(['/'])
  readonly #locks = new Set<string>()
  #tasks: Task[] = []
  #order = 0
  /** Operations of a life before a crash never come back. */
  #life = 0

  constructor(seed: number) {
    this.random = seeded(seed)
    this.clock = this.#makeClock()
    this.disk = this.#makeDisk()
  }

  /** Runs the world until `promise` has settled, or, without one, until `maxMs` have passed. */
  async run<T>(promise: Promise<T>, maxMs = 3_600_000): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    const until = this.now + maxMs
    await new Promise(resolve => setImmediate(resolve))
    while (!settled) {
      if (!(await this.step(until))) throw new Error('nothing happens any more, and the promise is not settled')
    }
    return promise
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms
    await new Promise(resolve => setImmediate(resolve))
    while (await this.step(until));
    this.now = until
  }

  /** The next thing that happens, unless it is later than `until`. */
  async step(until = Number.POSITIVE_INFINITY): Promise<boolean> {
    let first = -1
    for (let i = 0; i < this.#tasks.length; i++) {
      const task = this.#tasks[i]!
      const best = this.#tasks[first]
      if (best === undefined || task.at < best.at || (task.at === best.at && task.order < best.order)) first = i
    }
    const task = this.#tasks[first]
    if (task === undefined || task.at > until) return false
    this.#tasks.splice(first, 1)
    if (!task.cancelled) {
      this.now = Math.max(this.now, task.at)
      task.run()
    }
    await new Promise(resolve => setImmediate(resolve))
    return true
  }

  /**
   * The process is gone, in the midst of what it did. `kill` keeps what the kernel had taken; `power` keeps what was
   * synced, and of the rest whatever sectors had made it.
   */
  crash(how: 'kill' | 'power'): void {
    this.#life++
    this.#tasks = []
    this.#locks.clear()
    if (how === 'kill') return
    for (const [path, inode] of [...this.files])
      if (this.#durableNames.get(path) !== inode && this.random.next() < 0.5) {
        this.files.delete(path)
        const before = this.#durableNames.get(path)
        if (before !== undefined) this.files.set(path, before)
      }
    for (const [path, inode] of this.#durableNames)
      if (!this.files.has(path) && this.random.next() < 0.5) this.files.set(path, inode)
    this.#durableNames.clear()
    for (const [path, inode] of this.files) {
      this.#durableNames.set(path, inode)
      let content = Buffer.from(inode.durable)
      for (const change of inode.changes) content = this.#torn(content, change)
      inode.content = content
      inode.durable = Buffer.from(content)
      inode.changes = []
    }
  }

  #torn(content: Buffer, change: Change): Buffer {
    const fate = this.random.next()
    if (fate < 0.3) return content
    if (fate < 0.6 || change.kind === 'truncate') return applied(content, change)
    // Sector by sector, in no order.
    for (let from = 0; from < change.bytes.length; ) {
      const position = change.position + from
      const to = Math.min(change.bytes.length, from + SECTOR - (position % SECTOR))
      if (this.random.next() < 0.5)
        content = applied(content, { kind: 'write', position, bytes: change.bytes.subarray(from, to) })
      from = to
    }
    return content
  }

  at(delayMs: number, run: () => void): Task {
    const life = this.#life
    const task: Task = {
      at: this.now + Math.max(0, delayMs),
      order: this.#order++,
      cancelled: false,
      run: () => {
        if (life === this.#life) run()
      },
    }
    this.#tasks.push(task)
    return task
  }

  #timer(task: Task): Timer {
    return {
      cancel() {
        task.cancelled = true
      },
    }
  }

  #makeClock(): Clock {
    const world = this
    return {
      now: () => Math.floor(world.now),
      monotonicMs: () => world.now,
      setTimeout: (run, delayMs) => world.#timer(world.at(delayMs, run)),
      setImmediate: run => world.#timer(world.at(0, run)),
      setInterval(run, periodMs) {
        let cancelled = false
        const again = () => {
          if (cancelled) return
          run()
          world.at(periodMs, again)
        }
        world.at(periodMs, again)
        return {
          cancel() {
            cancelled = true
          },
        }
      },
      sleep: delayMs => new Promise(resolve => world.at(delayMs, resolve)),
      localTime(timestampMs) {
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
    }
  }

  /** Takes a while, then does it. */
  #io<T>(work: () => T, maxMs = 2): Promise<T> {
    return new Promise((resolve, reject) => {
      this.at(this.random.next() * maxMs, () => {
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #makeDisk(): Disk {
    const parent = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/'
    return {
      open: (path: string, mode: OpenMode) =>
        this.#io(() => {
          let inode = this.files.get(path)
          if (inode === undefined) {
            if (mode === 'read' || mode === 'readWrite') throw new DiskError('ENOENT', path, 'opening')
            if (!this.#directories.has(parent(path))) throw new DiskError('ENOENT', path, 'creating')
            inode = new Inode()
            inode.modifiedMs = this.now
            this.files.set(path, inode)
          } else if (mode === 'createNew') throw new DiskError('EEXIST', path, 'creating')
          return this.#file(path, inode)
        }),
      readFile: path =>
        this.#io(() => {
          const inode = this.files.get(path)
          if (inode === undefined) throw new DiskError('ENOENT', path, 'reading')
          return Buffer.from(inode.content)
        }),
      stat: path =>
        this.#io((): FileStat | undefined => {
          const inode = this.files.get(path)
          if (inode !== undefined)
            return { kind: 'file', sizeBytes: inode.content.length, modifiedMs: inode.modifiedMs }
          return this.#directories.has(path) ? { kind: 'directory', sizeBytes: 0, modifiedMs: 0 } : undefined
        }),
      list: path =>
        this.#io(() => {
          if (!this.#directories.has(path)) throw new DiskError('ENOENT', path, 'listing')
          const found: DirectoryEntry[] = []
          for (const name of this.files.keys())
            if (parent(name) === path) found.push({ name: name.slice(path.length + 1), kind: 'file' })
          for (const name of this.#directories)
            if (name !== '/' && parent(name) === path)
              found.push({ name: name.slice(path.length + 1), kind: 'directory' })
          return found.sort((a, b) => (a.name < b.name ? -1 : 1))
        }),
      makeDirectory: path =>
        this.#io(() => {
          for (let at = path; at !== '/'; at = parent(at)) this.#directories.add(at)
        }),
      rename: (from, to) =>
        this.#io(() => {
          const inode = this.files.get(from)
          if (inode === undefined) throw new DiskError('ENOENT', from, 'renaming')
          this.files.delete(from)
          this.files.set(to, inode)
        }),
      remove: path => this.#io(() => void this.files.delete(path)),
      removeTree: path =>
        this.#io(() => {
          for (const name of [...this.files.keys()]) if (name.startsWith(`${path}/`)) this.files.delete(name)
          for (const name of [...this.#directories])
            if (name === path || name.startsWith(`${path}/`)) this.#directories.delete(name)
        }),
      syncDirectory: path =>
        this.#io(() => {
          for (const [name, inode] of this.files) if (parent(name) === path) this.#durableNames.set(name, inode)
          for (const name of [...this.#durableNames.keys()])
            if (parent(name) === path && !this.files.has(name)) this.#durableNames.delete(name)
        }),
      space: () => this.#io(() => ({ ...this.space })),
      lock: path =>
        this.#io((): DiskLock => {
          if (this.#locks.has(path)) throw new DiskError('LOCKED', path, 'locking')
          this.#locks.add(path)
          return { release: async () => void this.#locks.delete(path) }
        }),
    }
  }

  #file(path: string, inode: Inode): DiskFile {
    const world = this
    return {
      path,
      read: (into, position) => world.#io(() => inode.content.copy(into, 0, position)),
      write(buffers, position) {
        const whole = Buffer.concat(buffers)
        const life = world.#life
        // What a process that dies has handed over so far is in the kernel's hands.
        const cut = world.random.int(whole.length + 1)
        if (world.random.next() < 0.3)
          queueMicrotask(() => {
            if (life === world.#life && world.fault('write', path) === undefined)
              inode.apply({ kind: 'write', position, bytes: Buffer.from(whole.subarray(0, cut)) })
          })
        return world.#io(() => {
          const code = world.fault('write', path)
          inode.modifiedMs = world.now
          if (code !== undefined) {
            if (cut > 0) inode.apply({ kind: 'write', position, bytes: Buffer.from(whole.subarray(0, cut)) })
            throw new DiskError(code, path, 'writing')
          }
          if (Buffer.compare(whole, Buffer.concat(buffers)) !== 0) throw new Error(`${path}: written buffers changed`)
          inode.apply({ kind: 'write', position, bytes: whole })
        })
      },
      sync() {
        // What is written while the sync runs is not covered.
        const covered = inode.synced + inode.changes.length
        return world.#io(() => {
          const code = world.fault('sync', path)
          if (code !== undefined) throw new DiskError(code, path, 'syncing')
          const newlySynced = inode.changes.splice(0, Math.max(0, covered - inode.synced))
          inode.synced += newlySynced.length
          for (const change of newlySynced) inode.durable = applied(Buffer.from(inode.durable), change)
        }, 5)
      },
      truncate: sizeBytes => world.#io(() => inode.apply({ kind: 'truncate', sizeBytes })),
      size: () => world.#io(() => inode.content.length),
      close: async () => {},
    }
  }
}
