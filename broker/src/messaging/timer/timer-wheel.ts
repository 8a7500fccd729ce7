import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Disk, DiskFile } from '@rocketcluster/world'
import { eachLimited } from '../../store/each-limited.ts'

/**
 * A slot, big-endian (Slot.java). The time is counted in steps of the precision:
 *
 *     time 8   firstPos 8   lastPos 8   num 4   magic 4
 */
export const SLOT_SIZE = 32
/** Seven days of one second, whatever the precision (TimerMessageStore.java). The file holds twice as many. */
export const SLOTS_TOTAL = 7 * 24 * 3600
export const WHEEL_SLOTS = 2 * SLOTS_TOTAL
export const WHEEL_BYTES = WHEEL_SLOTS * SLOT_SIZE

const PAGE_BYTES = 4096
const SLOTS_PER_PAGE = PAGE_BYTES / SLOT_SIZE
/** 8 MiB of the 37. */
const MAX_PAGES = 2048
/** With so many the owner should flush before it goes on. */
const MANY_DIRTY_PAGES = 1024
const READS_AT_ONCE = 16
/** `survey` reads so much at once. */
const SURVEY_PAGES = 16

export interface Slot {
  /** Positions of its first and last entry in the timer log. */
  readonly firstPos: number
  readonly lastPos: number
  readonly num: number
}

interface Page {
  readonly bytes: Buffer
  /** Not on the disk as it is here. */
  dirty: boolean
}

/** Pages on their way to the disk, with their content at one moment. */
export type WheelPages = ReadonlyMap<number, Buffer>

/**
 * The slots of all moments that messages wait for: `timerwheel`, in Apache's format (TimerWheel.java). Sparse; read and
 * written by the page, so memory is bounded whatever waits. Slots are looked at synchronously once their pages are loaded.
 */
export class TimerWheel {
  readonly precisionMs: number
  /** The file was not there: no slot can be in it. */
  readonly wasMissing: boolean
  readonly #path: string
  readonly #file: DiskFile
  /** The least recently used first. */
  readonly #pages = new Map<number, Page>()
  #dirtyPages = 0
  /** Pages being written: until that is done the disk may still have the older content. */
  #flushing: WheelPages = new Map()

  /** Throws DiskError, and Error when the file has another length than any wheel. */
  static async open(disk: Disk, path: string, precisionMs: number): Promise<TimerWheel> {
    const file = await disk.open(path, 'create')
    try {
      const sizeBytes = await file.size()
      if (sizeBytes !== 0 && sizeBytes !== WHEEL_BYTES)
        throw new Error(`${path} has ${sizeBytes} bytes, a timer wheel has ${WHEEL_BYTES}; put the right file there`)
      if (sizeBytes === 0) {
        await file.truncate(WHEEL_BYTES)
        await file.sync()
        await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')) || '/')
      }
      return new TimerWheel(path, file, precisionMs, sizeBytes === 0)
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  private constructor(path: string, file: DiskFile, precisionMs: number, wasMissing: boolean) {
    this.#path = path
    this.#file = file
    this.precisionMs = precisionMs
    this.wasMissing = wasMissing
  }

  get manyDirtyPages(): boolean {
    return this.#dirtyPages >= MANY_DIRTY_PAGES
  }

  pageOf(timeMs: number): number {
    return Math.floor(this.#indexOf(timeMs) / SLOTS_PER_PAGE)
  }

  #indexOf(timeMs: number): number {
    return Math.floor(timeMs / this.precisionMs) % WHEEL_SLOTS
  }

  /** Makes sure that the slots of these times can be looked at until the next call. Throws DiskError. */
  async load(timesMs: Iterable<number>): Promise<void> {
    const wanted = new Set<number>()
    for (const timeMs of timesMs) wanted.add(this.pageOf(timeMs))
    const missing: number[] = []
    for (const index of wanted) {
      const page = this.#pages.get(index)
      if (page === undefined) missing.push(index)
      else {
        this.#pages.delete(index)
        this.#pages.set(index, page)
      }
    }
    await eachLimited(missing, READS_AT_ONCE, async index => {
      const bytes = await this.#readPages(index, 1)
      // Two may have asked for it: changes made through the first must not be lost.
      if (!this.#pages.has(index)) this.#pages.set(index, { bytes, dirty: false })
    })
    if (this.#pages.size > MAX_PAGES) this.#evict(wanted)
  }

  async #readPages(index: number, count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(count * PAGE_BYTES)
    await this.#file.read(bytes, index * PAGE_BYTES)
    for (let i = 0; i < count; i++) this.#flushing.get(index + i)?.copy(bytes, i * PAGE_BYTES)
    return bytes
  }

  #evict(wanted: ReadonlySet<number>): void {
    for (const [index, page] of this.#pages) {
      if (this.#pages.size <= MAX_PAGES) return
      if (!page.dirty && !wanted.has(index)) this.#pages.delete(index)
    }
  }

  has(timeMs: number): boolean {
    return this.#pages.has(this.pageOf(timeMs))
  }

  #at(timeMs: number): { page: Page; at: number } {
    const index = this.#indexOf(timeMs)
    const page = this.#pages.get(Math.floor(index / SLOTS_PER_PAGE))
    if (page === undefined) throw new Error(`the slot of ${timeMs} is not loaded`)
    return { page, at: (index % SLOTS_PER_PAGE) * SLOT_SIZE }
  }

  /** undefined when nothing waits for that moment. */
  get(timeMs: number): Slot | undefined {
    const { page, at } = this.#at(timeMs)
    return this.#slotIn(page.bytes, at, Math.floor(timeMs / this.precisionMs))
  }

  #slotIn(bytes: Buffer, at: number, step: number): Slot | undefined {
    if (step === 0 || getLong(bytes, at) !== step) return undefined
    return { firstPos: getLong(bytes, at + 8), lastPos: getLong(bytes, at + 16), num: getInt(bytes, at + 24) }
  }

  /** Appends the entry at `position` to its slot; `count` is added to the slot's number of messages. */
  append(timeMs: number, position: number, count: number): void {
    const { page, at } = this.#at(timeMs)
    const step = Math.floor(timeMs / this.precisionMs)
    const slot = this.#slotIn(page.bytes, at, step)
    putLong(page.bytes, at, step)
    if (slot === undefined) {
      putLong(page.bytes, at + 8, position)
      putInt(page.bytes, at + 28, 0)
    }
    putLong(page.bytes, at + 16, position)
    putInt(page.bytes, at + 24, ((slot?.num ?? 0) + count) | 0)
    if (!page.dirty) this.#dirtyPages++
    page.dirty = true
  }

  /** As `append`, after a crash: the slot may have the entry already, or have moved on to a later turn of the wheel. */
  revise(timeMs: number, position: number, count: number): void {
    const { page, at } = this.#at(timeMs)
    const stored = getLong(page.bytes, at)
    const step = Math.floor(timeMs / this.precisionMs)
    if (stored > step || (stored === step && getLong(page.bytes, at + 16) >= position)) return
    this.append(timeMs, position, count)
  }

  /** What has to be written to make the file what the wheel is now. Call `flush` with it, and nothing else of the kind before that is done. */
  takeDirty(): WheelPages {
    const pages = new Map<number, Buffer>()
    for (const [index, page] of this.#pages) {
      if (!page.dirty) continue
      pages.set(index, Buffer.from(page.bytes))
      page.dirty = false
    }
    this.#dirtyPages = 0
    this.#flushing = pages
    return pages
  }

  /** Gives back what `takeDirty` took: it is to be written another time. */
  giveBack(pages: WheelPages): void {
    for (const [index, bytes] of pages) {
      const page = this.#pages.get(index)
      if (page === undefined) {
        this.#pages.set(index, { bytes, dirty: true })
        this.#dirtyPages++
      } else if (!page.dirty) {
        page.dirty = true
        this.#dirtyPages++
      }
    }
    this.#flushing = new Map()
  }

  /** Writes and syncs what `takeDirty` took. Throws DiskError; the pages count as not written then. */
  async flush(pages: WheelPages): Promise<void> {
    try {
      const indexes = [...pages.keys()].sort((a, b) => a - b)
      for (let from = 0; from < indexes.length; ) {
        let to = from + 1
        while (to < indexes.length && indexes[to] === indexes[to - 1]! + 1) to++
        const run = indexes.slice(from, to)
        await this.#file.write(
          run.map(index => pages.get(index)!),
          run[0]! * PAGE_BYTES,
        )
        from = to
      }
      if (indexes.length > 0) await this.#file.sync()
      this.#flushing = new Map()
    } catch (error) {
      this.giveBack(pages)
      throw error
    }
  }

  /** Tells `seen` of every slot in use from `fromMs` up to before `toMs`. Reads past the pages in memory. Throws DiskError. */
  async survey(fromMs: number, toMs: number, seen: (slot: Slot, timeMs: number) => void): Promise<void> {
    const { precisionMs } = this
    let step = Math.floor(fromMs / precisionMs)
    const end = Math.min(Math.ceil(toMs / precisionMs), step + WHEEL_SLOTS)
    while (step < end) {
      const index = step % WHEEL_SLOTS
      const first = Math.floor(index / SLOTS_PER_PAGE)
      const count = Math.min(SURVEY_PAGES, WHEEL_BYTES / PAGE_BYTES - first)
      const bytes = await this.#readPages(first, count)
      for (let i = 0; i < count; i++) this.#pages.get(first + i)?.bytes.copy(bytes, i * PAGE_BYTES)
      let at = index - first * SLOTS_PER_PAGE
      for (; at < count * SLOTS_PER_PAGE && step < end; at++, step++) {
        const slot = this.#slotIn(bytes, at * SLOT_SIZE, step)
        if (slot !== undefined) seen(slot, step * precisionMs)
      }
    }
  }

  /** Empties every slot. Throws DiskError. */
  async clear(): Promise<void> {
    this.#pages.clear()
    this.#dirtyPages = 0
    this.#flushing = new Map()
    await this.#file.truncate(0)
    await this.#file.truncate(WHEEL_BYTES)
    await this.#file.sync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  toString(): string {
    return this.#path
  }
}
