import type { CheckPoint } from './check-point.ts'

/** Check points are looked at so often: what comes back is late by at most this. */
export const SLOT_MS = 100

/** Check points by the time at which something has to happen to them. Adding, moving and removing cost the same however many there are. */
export class DuePoints {
  readonly #slots = new Map<number, Set<CheckPoint>>()
  #cursor: number
  #size = 0

  constructor(nowMs: number) {
    this.#cursor = Math.floor(nowMs / SLOT_MS)
  }

  get size(): number {
    return this.#size
  }

  /** By its dueMs; one whose time has come is taken at the next look. */
  add(point: CheckPoint): void {
    const slot = this.#slotOf(point)
    let points = this.#slots.get(slot)
    if (points === undefined) this.#slots.set(slot, (points = new Set()))
    if (points.has(point)) return
    points.add(point)
    this.#size++
    // A clock that was set back, or a point whose time is long over: the cursor must not be past it.
    if (slot < this.#cursor) this.#cursor = slot
  }

  remove(point: CheckPoint): void {
    const slot = this.#slotOf(point)
    const points = this.#slots.get(slot)
    if (!points?.delete(point)) return
    this.#size--
    if (points.size === 0) this.#slots.delete(slot)
  }

  move(point: CheckPoint, dueMs: number): void {
    this.remove(point)
    point.dueMs = dueMs
    this.add(point)
  }

  /** Takes out those whose time has come, never before it. */
  take(nowMs: number): CheckPoint[] {
    const until = Math.floor(nowMs / SLOT_MS)
    const due: CheckPoint[] = []
    // After a jump of the clock there are fewer slots than steps.
    if (until - this.#cursor > this.#slots.size + 100) {
      const passed = [...this.#slots.keys()].filter(slot => slot <= until).sort((a, b) => a - b)
      for (const slot of passed) this.#takeSlot(slot, due)
    } else for (let slot = this.#cursor; slot <= until; slot++) this.#takeSlot(slot, due)
    this.#cursor = Math.max(this.#cursor, until)
    return due
  }

  /** The slot that ends behind dueMs: whoever looks at its end is not early. */
  #slotOf(point: CheckPoint): number {
    return Math.ceil(point.dueMs / SLOT_MS)
  }

  #takeSlot(slot: number, into: CheckPoint[]): void {
    const points = this.#slots.get(slot)
    if (points === undefined) return
    this.#slots.delete(slot)
    this.#size -= points.size
    into.push(...points)
  }
}
