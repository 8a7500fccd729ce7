import type { ConsumeQueue } from './consume-queue.ts'
import type { Units } from './get-message.ts'

/** Entries read at once: 20 KiB, a few dozen pulls of 32. */
export const WINDOW_UNITS = 1024
/** All windows together hold at most 2.5 MiB. */
const MAX_WINDOWS = 128
const CQ_UNIT_SIZE = 20

/**
 * Stretches of consume queues as they were read from the disk. A reader that goes through a backlog asks for 32 entries at a
 * time; without windows each of its pulls would be a visit to the thread pool for 640 bytes. Windows hold only what is on the
 * disk, which never changes; a queue that is cut or deleted forgets them.
 */
export class UnitWindows {
  /** By queue, then by the queue offset of the window's first entry. The queue that was read from disk last is the last. */
  readonly #windows = new Map<ConsumeQueue, Map<number, Units>>()
  #count = 0

  /** Entries from `offset` on, at most `count`, as far as the window at `start` has them; undefined when it has none. */
  find(queue: ConsumeQueue, start: number, offset: number, count: number): Units | undefined {
    const window = this.#windows.get(queue)?.get(start)
    if (window === undefined) return undefined
    const skip = offset - start
    // Entries that have been flushed since it was read are not in it.
    if (skip >= window.count) return undefined
    return { count: Math.min(count, window.count - skip), buffer: window.buffer, start: skip * CQ_UNIT_SIZE }
  }

  put(queue: ConsumeQueue, start: number, units: Units): void {
    const windows = this.#windows.get(queue) ?? new Map<number, Units>()
    if (!windows.delete(start)) this.#count++
    windows.set(start, units)
    this.#windows.delete(queue)
    this.#windows.set(queue, windows)
    if (this.#count > MAX_WINDOWS) this.#evict()
  }

  forget(queue: ConsumeQueue): void {
    this.#count -= this.#windows.get(queue)?.size ?? 0
    this.#windows.delete(queue)
  }

  #evict(): void {
    for (const [queue, windows] of this.#windows) {
      for (const start of windows.keys()) {
        windows.delete(start)
        this.#count--
        if (windows.size === 0) this.#windows.delete(queue)
        return
      }
    }
  }
}
