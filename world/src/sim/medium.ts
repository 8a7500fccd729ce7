import { DiskError, type DiskErrorCode } from '../disk.ts'
import { FilePages, type PageBudget } from './pages.ts'
import type { SimRandom } from './random.ts'

const PAGE_BYTES = 4096

export type Operation = 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'syncDirectory' | 'list'

/** A fault to come. */
export interface DiskFault {
  readonly on: Operation | readonly Operation[]
  /** A path, the start of paths, or a pattern; every path when absent. */
  readonly path?: string | RegExp
  /** EIO when absent. */
  readonly code?: DiskErrorCode
  /** Of each operation that matches; 1 when absent. */
  readonly probability?: number
  /** How often it strikes before it is used up; without end when absent. */
  readonly times?: number
}

export class SimFile {
  readonly kind = 'file'
  readonly pages: FilePages
  /** Open handles; a file without a name lives as long as one of them. */
  handles = 0
  names = 0

  constructor(budget: PageBudget) {
    this.pages = new FilePages(budget)
  }
}

export class SimDirectory {
  readonly kind = 'directory'
  /** What programs see. */
  entries = new Map<string, SimNode>()
  /** What is left after a power cut at worst. */
  readonly durable = new Map<string, SimNode>()
  modifiedMs = 0
}

export type SimNode = SimFile | SimDirectory

/** Changes of names that happen together or not at all. */
type NameChange = readonly { readonly directory: SimDirectory; readonly name: string; readonly node?: SimNode }[]

/** A disk as a thing: it survives the programs that use it, and loses what was not synced when the power goes. */
export class DiskMedium {
  readonly capacityBytes: number
  readonly #random: SimRandom
  readonly #root = new SimDirectory()
  #unsynced: NameChange[] = []
  #usedPages = 0
  #faults: { fault: DiskFault; left: number }[] = []
  readonly #locks = new Map<SimFile, { readonly owner: object }>()

  readonly #budget: PageBudget = {
    take: () => {
      if ((this.#usedPages + 1) * PAGE_BYTES > this.capacityBytes) return false
      this.#usedPages++
      return true
    },
    giveBack: pages => {
      this.#usedPages -= pages
    },
  }

  constructor(random: SimRandom, capacityBytes: number) {
    this.#random = random
    this.capacityBytes = capacityBytes
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.#usedPages * PAGE_BYTES)
  }

  // Faults

  /** From now on; the answer takes the fault away again. */
  fail(fault: DiskFault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
    this.#faults.push(entry)
    return () => {
      this.#faults = this.#faults.filter(other => other !== entry)
    }
  }

  /** Throws what a fault has in store for this operation. */
  strike(operation: Operation, path: string): void {
    for (const entry of this.#faults) {
      const { on, path: where, probability = 1, code = 'EIO' } = entry.fault
      if (typeof on === 'string' ? on !== operation : !on.includes(operation)) continue
      if (typeof where === 'string' ? !path.startsWith(where) : where && !where.test(path)) continue
      if (entry.left === 0 || (probability < 1 && !this.#random.chance(probability))) continue
      entry.left--
      throw new DiskError(code, path, operation)
    }
  }

  /** Turns bits over in a file, at random or at `position`, as an old disk does. Throws DiskError when it has no bytes. */
  flipBits(path: string, count = 1, position?: number): void {
    const { pages } = this.file(path, 'flip bits of')
    for (let i = 0; i < count; i++) {
      if (!pages.flipBit(this.#random, position)) throw new DiskError('UNKNOWN', path, 'flip bits of an empty place in')
    }
  }

  /** The kernel has closed what `owner` had open; now its locks go. What it wrote stays. */
  processDied(owner: object): void {
    for (const [file, lock] of this.#locks) if (lock.owner === owner) this.#locks.delete(file)
    for (const file of files(this.#root)) file.pages.evictLost(this.#random)
  }

  /** Only when no process uses the disk any more. */
  powerCut(): void {
    const random = this.#random
    this.#locks.clear()
    const mood = random.pick(['none', 'all', 'first', 'each'] as const)
    const first = random.int(this.#unsynced.length + 1)
    this.#unsynced.forEach((change, index) => {
      const survives = mood === 'all' || (mood === 'first' && index < first) || (mood === 'each' && random.chance(0.5))
      if (survives) makeDurable(change)
    })
    this.#unsynced = []
    restore(this.#root)
    for (const file of files(this.#root)) file.pages.powerCut(random)
    this.#countAgain()
  }

  #countAgain(): void {
    this.#usedPages = 0
    for (const file of files(this.#root)) {
      file.names = 0
      this.#usedPages += file.pages.pageCount
    }
    for (const directory of directories(this.#root)) {
      for (const node of directory.entries.values()) if (node.kind === 'file') node.names++
    }
  }

  // Names

  /** undefined when there is nothing; ENOTDIR when a file stands where a directory should. */
  find(path: string, doing: string): SimNode | undefined {
    let node: SimNode | undefined = this.#root
    for (const name of parts(path, doing)) {
      if (node === undefined) return undefined
      if (node.kind === 'file') throw new DiskError('ENOTDIR', path, doing)
      node = node.entries.get(name)
    }
    return node
  }

  file(path: string, doing: string): SimFile {
    const node = this.find(path, doing)
    if (!node) throw new DiskError('ENOENT', path, doing)
    if (node.kind === 'directory') throw new DiskError('EISDIR', path, doing)
    return node
  }

  directory(path: string, doing: string): SimDirectory {
    const node = this.find(path, doing)
    if (!node) throw new DiskError('ENOENT', path, doing)
    if (node.kind === 'file') throw new DiskError('ENOTDIR', path, doing)
    return node
  }

  create(path: string, doing: string, nowMs: number): SimFile {
    const { directory, name } = this.#place(path, doing)
    const file = new SimFile(this.#budget)
    file.pages.modifiedMs = nowMs
    this.#change([{ directory, name, node: file }])
    return file
  }

  makeDirectory(path: string): void {
    let directory = this.#root
    for (const name of parts(path, 'make directory')) {
      const node = directory.entries.get(name)
      if (node?.kind === 'file') {
        throw new DiskError(path.endsWith(`/${name}`) ? 'EEXIST' : 'ENOTDIR', path, 'make directory')
      }
      const next: SimDirectory = node ?? new SimDirectory()
      if (!node) this.#change([{ directory, name, node: next }])
      directory = next
    }
  }

  rename(from: string, to: string): void {
    const doing = `rename to ${to}:`
    const source = this.#place(from, doing)
    const node = source.directory.entries.get(source.name)
    if (!node) throw new DiskError('ENOENT', from, doing)
    const target = this.#place(to, doing)
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory' && node.kind === 'file') throw new DiskError('EISDIR', from, doing)
    if (replaced?.kind === 'file' && node.kind === 'directory') throw new DiskError('ENOTDIR', from, doing)
    if (replaced?.kind === 'directory' && replaced.entries.size > 0) throw new DiskError('ENOTEMPTY', from, doing)
    this.#change([
      { directory: source.directory, name: source.name },
      { directory: target.directory, name: target.name, node },
    ])
  }

  remove(path: string): void {
    const node = this.find(path, 'remove')
    if (!node) return
    if (node.kind === 'directory') throw new DiskError('EISDIR', path, 'remove')
    const { directory, name } = this.#place(path, 'remove')
    this.#change([{ directory, name }])
  }

  removeTree(path: string): void {
    const node = this.find(path, 'remove tree')
    if (!node) return
    const { directory, name } = this.#place(path, 'remove tree')
    if (node.kind === 'directory') this.#empty(node)
    this.#change([{ directory, name }])
  }

  #empty(directory: SimDirectory): void {
    for (const [name, node] of [...directory.entries]) {
      if (node.kind === 'directory') this.#empty(node)
      this.#change([{ directory, name }])
    }
  }

  syncDirectory(path: string): void {
    const directory = this.directory(path, 'sync directory')
    const concerns = (change: NameChange) => change.some(entry => entry.directory === directory)
    for (const change of this.#unsynced) if (concerns(change)) makeDurable(change)
    this.#unsynced = this.#unsynced.filter(change => !concerns(change))
  }

  closed(file: SimFile): void {
    file.handles--
    this.#freeWhenUnused(file)
  }

  // Locks

  assertNotLockedBy(owner: object, path: string, doing: string): void {
    const node = this.#locks.size > 0 ? this.find(path, doing) : undefined
    if (node?.kind === 'file' && this.#locks.get(node)?.owner === owner) {
      throw new DiskError('LOCKED', path, `${doing} (this process holds its lock)`)
    }
  }

  lock(path: string, owner: object, nowMs: number): () => void {
    const node = this.find(path, 'lock')
    if (node?.kind === 'directory') throw new DiskError('EISDIR', path, 'lock')
    const file = node ?? this.create(path, 'lock', nowMs)
    const held = this.#locks.get(file)
    if (held)
      throw new DiskError('LOCKED', path, `lock (held by ${held.owner === owner ? 'this same' : 'another'} process)`)
    if (file.pages.sizeBytes === 0) file.pages.write(Buffer.from('lock'), 0)
    const lock = { owner }
    this.#locks.set(file, lock)
    return () => {
      if (this.#locks.get(file) === lock) this.#locks.delete(file)
    }
  }

  #place(path: string, doing: string): { directory: SimDirectory; name: string } {
    const names = parts(path, doing)
    const name = names.pop()
    if (name === undefined) throw new DiskError('EISDIR', path, doing)
    const parent = this.find(`/${names.join('/')}`, doing)
    if (!parent) throw new DiskError('ENOENT', path, doing)
    if (parent.kind === 'file') throw new DiskError('ENOTDIR', path, doing)
    return { directory: parent, name }
  }

  #change(change: NameChange): void {
    this.#unsynced.push(change)
    const unnamed: SimFile[] = []
    for (const { directory, name, node } of change) {
      const before = directory.entries.get(name)
      if (node) directory.entries.set(name, node)
      else directory.entries.delete(name)
      if (node?.kind === 'file') node.names++
      if (before?.kind !== 'file') continue
      before.names--
      unnamed.push(before)
    }
    for (const file of unnamed) this.#freeWhenUnused(file)
  }

  #freeWhenUnused(file: SimFile): void {
    // The bytes themselves stay as long as a power cut may bring the name back, and are counted again then.
    if (file.names === 0 && file.handles === 0) this.#budget.giveBack(file.pages.pageCount)
  }
}

function parts(path: string, doing: string): string[] {
  if (!path.startsWith('/')) throw new DiskError('UNKNOWN', path, `path is not absolute: ${doing}`)
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..') names.pop()
    else names.push(name)
  }
  return names
}

function makeDurable(change: NameChange): void {
  for (const { directory, name, node } of change) {
    if (node) directory.durable.set(name, node)
    else directory.durable.delete(name)
  }
}

function restore(directory: SimDirectory): void {
  directory.entries = new Map(directory.durable)
  for (const node of directory.entries.values()) if (node.kind === 'directory') restore(node)
}

function* directories(directory: SimDirectory): Generator<SimDirectory> {
  yield directory
  for (const node of directory.entries.values()) if (node.kind === 'directory') yield* directories(node)
}

function* files(directory: SimDirectory): Generator<SimFile> {
  for (const each of directories(directory)) {
    for (const node of each.entries.values()) if (node.kind === 'file') yield node
  }
}
