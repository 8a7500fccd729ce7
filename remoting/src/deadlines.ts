import type { Clock, Timer } from '@rocketcluster/world'

/** Something that waits for at most some time. The links belong to `Deadlines`. */
export abstract class Waiting {
  /** On the monotonic clock; 0 while it is not waiting. */
  dueMs = 0
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined

  abstract expire(): void
}

class Slot extends Waiting {
  expire(): void {}
}

const SLOTS = 256

/**
 * Time-outs for many short waits with one timer (a hashed wheel): adding and removing is O(1) and keeps nothing of what is
 * done. They fire up to one tick late, never early. While nobody waits, no timer runs.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #slots: Slot[] = []
  #timer: Timer | undefined
  #waiting = 0
  /** The last tick that was looked at. */
  #tick = 0

  constructor(clock: Clock, tickMs = 20) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  get size(): number {
    return this.#waiting
  }

  add(entry: Waiting, timeoutMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    entry.dueMs = nowMs + timeoutMs
    if (this.#waiting++ === 0) this.#start(nowMs)
    // Due ticks are rounded up, and one that is in the past still lands in a slot which is visited next.
    const tick = Math.max(Math.ceil(entry.dueMs / this.#tickMs), this.#tick + 1)
    const slot = (this.#slots[tick % SLOTS] ??= new Slot())
    entry.next = slot.next
    entry.previous = slot
    if (slot.next) slot.next.previous = entry
    slot.next = entry
  }

  /** Harmless when the entry is not waiting. */
  readonly remove = (entry: Waiting): void => {
    if (entry.previous === undefined) return
    entry.previous.next = entry.next
    if (entry.next) entry.next.previous = entry.previous
    entry.previous = entry.next = undefined
    entry.dueMs = 0
    this.#waiting--
  }

  #start(nowMs: number): void {
    if (this.#timer) return
    this.#tick = Math.floor(nowMs / this.#tickMs)
    this.#arm(nowMs)
  }

  /** For the beginning of the next tick. */
  #arm(nowMs: number): void {
    const delayMs = (Math.floor(nowMs / this.#tickMs) + 1) * this.#tickMs - nowMs
    this.#timer = this.#clock.setTimeout(() => this.#turn(), Math.max(1, delayMs))
  }

  #turn(): void {
    this.#timer = undefined
    const nowMs = this.#clock.monotonicMs()
    const last = Math.floor(nowMs / this.#tickMs)
    // After a long pause one round over all slots sees everything.
    const first = Math.max(this.#tick + 1, last - SLOTS + 1)
    this.#tick = last
    const expired: Waiting[] = []
    for (let tick = first; tick <= last; tick++) {
      for (let entry = this.#slots[tick % SLOTS]?.next; entry; entry = entry.next)
        if (entry.dueMs <= nowMs) expired.push(entry)
    }
    expired.sort((a, b) => a.dueMs - b.dueMs)
    for (const entry of expired) {
      if (entry.previous === undefined) continue // removed by one that expired before it
      this.remove(entry)
      entry.expire()
    }
    if (this.#waiting > 0 && !this.#timer) this.#arm(this.#clock.monotonicMs())
  }
}
