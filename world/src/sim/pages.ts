import type { SimRandom } from './random.ts'

/** What a disk writes as one: a sector is old or new, never half. */
export const SECTOR_BYTES = 512
const PAGE_BYTES = 4096
const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES
const ZERO_SECTOR = new Uint8Array(SECTOR_BYTES)
/** Contents a sector went through since the last sync; an append rewrites its last sector again and again. */
const MOST_VERSIONS = 4

/** Sector number -> what it may still be on the platter, the synced content first. */
type Versions = Map<number, Uint8Array[]>

export interface RunningSync {
  readonly sectors: Versions
  readonly sizeBytes: number
}

/** Counts pages, so that a disk can be full. */
export interface PageBudget {
  /** False when there is no room for one more page. */
  take(): boolean
  giveBack(pages: number): void
}

/**
 * The bytes of one file: what programs see (the page cache), and for each sector not yet synced what a power cut may bring
 * back. Holes take no memory, so a sparse file of 1 GiB costs what was written into it.
 */
export class FilePages {
  sizeBytes = 0
  modifiedMs = 0
  #durableSizeBytes = 0
  readonly #pages = new Map<number, Uint8Array>()
  #dirty: Versions = new Map()
  #syncs: RunningSync[] = []
  // A failed sync marks the pages clean although the disk never got them, and the next sync succeeds without them: what
  // Linux does, and PostgreSQL found out in 2018 ("fsyncgate").
  #lost: Versions = new Map()
  readonly #budget: PageBudget

  constructor(budget: PageBudget) {
    this.#budget = budget
  }

  get pageCount(): number {
    return this.#pages.size
  }

  /** Whether every byte and the size are on the platter. */
  get isSynced(): boolean {
    return (
      this.#dirty.size === 0 &&
      this.#lost.size === 0 &&
      this.#syncs.length === 0 &&
      this.#durableSizeBytes === this.sizeBytes
    )
  }

  read(into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.sizeBytes - position))
    for (let done = 0; done < length; ) {
      const at = position + done
      const inPage = at % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - inPage, length - done)
      const page = this.#pages.get((at - inPage) / PAGE_BYTES)
      if (page) into.set(page.subarray(inPage, inPage + count), done)
      else into.fill(0, done, done + count)
      done += count
    }
    return length
  }

  /** Returns the bytes taken: fewer than asked when the disk is full. */
  write(bytes: Uint8Array, position: number): number {
    let done = 0
    while (done < bytes.length) {
      const at = position + done
      const inPage = at % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - inPage, bytes.length - done)
      const page = this.#pageForWriting((at - inPage) / PAGE_BYTES)
      if (!page) break
      const end = at + count
      for (let sector = Math.floor(at / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) this.#remember(sector)
      page.set(bytes.subarray(done, done + count), inPage)
      done += count
    }
    if (done > 0) this.sizeBytes = Math.max(this.sizeBytes, position + done)
    return done
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#cutBehind(sizeBytes, true)
    this.sizeBytes = sizeBytes
  }

  /** A sync begins: what is dirty now is on its way. Hand the result to `endSync`. */
  beginSync(): RunningSync {
    const sync = { sectors: this.#dirty, sizeBytes: this.sizeBytes }
    this.#dirty = new Map()
    this.#syncs.push(sync)
    return sync
  }

  endSync(sync: RunningSync, succeeded: boolean): void {
    const index = this.#syncs.indexOf(sync)
    if (index < 0) return // a later sync has already vouched for this one
    if (succeeded) {
      this.#syncs.splice(0, index + 1)
      this.#durableSizeBytes = sync.sizeBytes
    } else {
      this.#syncs.splice(index, 1)
      // A page that was written again meanwhile is dirty, whatever became of its older content: it stays in the cache, and
      // the next sync takes all of it.
      const newer = this.#syncs.slice(index).map(({ sectors }) => sectors)
      for (const [sector, versions] of sync.sectors) {
        const dirty = [...newer, this.#dirty].find(sectors => sectors.has(sector))
        if (dirty) dirty.set(sector, [...versions, ...dirty.get(sector)!])
        else append(this.#lost, sector, versions)
      }
    }
  }

  /** The process died before its sync came back: nobody knows, so all of it is still dirty. */
  abandonSync(sync: RunningSync): void {
    const index = this.#syncs.indexOf(sync)
    if (index < 0) return
    this.#syncs.splice(index, 1)
    const newer = this.#dirty
    this.#dirty = sync.sectors
    for (const [sector, versions] of newer) append(this.#dirty, sector, versions)
  }

  /** Pages of a failed sync leave the cache and are read from the disk again, with what it has. */
  evictLost(random: SimRandom): void {
    for (const [sector, versions] of [...this.#lost]) {
      if (!random.chance(0.5)) continue
      this.#putSector(sector, versions[0]!)
      this.#lost.delete(sector)
    }
  }

  /** The machine lost power: each unsynced sector is as it was, as it is, or as it was in between. */
  powerCut(random: SimRandom): void {
    const open: Versions = new Map()
    for (const sync of this.#syncs) for (const [sector, versions] of sync.sectors) append(open, sector, versions)
    for (const [sector, versions] of this.#dirty) append(open, sector, versions)
    const mood = random.pick(['none', 'all', 'each', 'each'] as const)
    const sizes = [this.#durableSizeBytes, this.sizeBytes]
    for (const sector of open.keys()) {
      const end = (sector + 1) * SECTOR_BYTES
      if (end > this.#durableSizeBytes && end < this.sizeBytes && sizes.length < 16) sizes.push(end)
    }

    for (const [sector, versions] of open) {
      const lost = this.#lost.get(sector)
      const candidates = lost ? [...lost, ...versions] : versions
      if (mood === 'none') this.#putSector(sector, candidates[0]!)
      else if (mood === 'each' && random.chance(0.5)) this.#putSector(sector, random.pick(candidates))
      this.#lost.delete(sector)
    }
    for (const [sector, versions] of this.#lost) this.#putSector(sector, versions[0]!)

    const size = mood === 'none' ? sizes[0]! : mood === 'all' ? sizes[1]! : random.pick(sizes)
    if (size < this.sizeBytes) this.#cutBehind(size, false)
    this.sizeBytes = this.#durableSizeBytes = size
    this.#dirty.clear()
    this.#lost.clear()
    this.#syncs = []
  }

  /** Turns one bit over, in the page cache and on the platter alike. False when the file has no data. */
  flipBit(random: SimRandom, position?: number): boolean {
    if (this.sizeBytes === 0) return false
    let at = position
    if (at === undefined) {
      const pages = [...this.#pages.keys()].filter(page => page * PAGE_BYTES < this.sizeBytes)
      const start = (pages.length > 0 ? random.pick(pages) : 0) * PAGE_BYTES
      at = start + random.int(Math.min(PAGE_BYTES, this.sizeBytes - start))
    }
    const page = this.#pageForWriting(Math.floor(at / PAGE_BYTES))
    if (at >= this.sizeBytes || !page) return false
    page[at % PAGE_BYTES]! ^= 1 << random.int(8)
    return true
  }

  #pageForWriting(index: number): Uint8Array | undefined {
    let page = this.#pages.get(index)
    if (!page) {
      if (!this.#budget.take()) return undefined
      page = new Uint8Array(PAGE_BYTES)
      this.#pages.set(index, page)
    }
    return page
  }

  #remember(sector: number): void {
    const content = this.#sector(sector)
    const versions = this.#dirty.get(sector)
    if (!versions) {
      const lost = this.#lost.get(sector)
      this.#lost.delete(sector)
      this.#dirty.set(sector, lost ? [...lost, content] : [content])
      return
    }
    if (versions.length >= MOST_VERSIONS) versions.splice(1, 1)
    versions.push(content)
  }

  #sector(sector: number): Uint8Array {
    const page = this.#pages.get(Math.floor(sector / SECTORS_PER_PAGE))
    const start = (sector % SECTORS_PER_PAGE) * SECTOR_BYTES
    return page ? page.slice(start, start + SECTOR_BYTES) : ZERO_SECTOR
  }

  #putSector(sector: number, content: Uint8Array): void {
    const page = this.#pageForWriting(Math.floor(sector / SECTORS_PER_PAGE))
    page?.set(content, (sector % SECTORS_PER_PAGE) * SECTOR_BYTES)
  }

  #cutBehind(sizeBytes: number, remember: boolean): void {
    for (const [index, page] of [...this.#pages]) {
      const start = index * PAGE_BYTES
      if (start + PAGE_BYTES <= sizeBytes) continue
      const keep = Math.max(0, sizeBytes - start)
      if (remember) {
        for (let i = Math.floor(keep / SECTOR_BYTES); i < SECTORS_PER_PAGE; i++) {
          this.#remember(index * SECTORS_PER_PAGE + i)
        }
      }
      page.fill(0, keep)
      if (keep === 0) {
        this.#pages.delete(index)
        this.#budget.giveBack(1)
      }
    }
  }
}

function append(to: Versions, sector: number, versions: Uint8Array[]): void {
  const before = to.get(sector)
  to.set(sector, before ? [...before, ...versions] : versions)
}
