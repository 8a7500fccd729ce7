/** What is known of the half message at a queue offset. Any greater number is a pending one and says when it is due. */
export const half = {
  /** Nothing yet: it has not been looked at. */
  UNKNOWN: 0,
  /** Its end is on the way to the disk. */
  ENDING: 1,
  COMMITTED: 2,
  ROLLED_BACK: 3,
  /** Decided, or put back; an op message read at the start does not say which. */
  ENDED: 4,
  /** Put back: a copy further on counts. */
  MOVED: 5,
  /** Set aside, or not there any more. */
  GONE: 6,
} as const

const FIRST_DUE = 16
/** The bit of a pending one that waits for a producer of its group to come back. */
const WAITING = 0x8000_0000
/** Due times count in tenths of a second, so that a broker can run for six years. */
const TICK_MS = 100

const SMALLEST = 1024

/**
 * The states of all half messages from the first undecided one to the newest: eight bytes each in two flat arrays, however
 * large the messages are. `base` moves on as they end, and what lies before it costs nothing.
 */
export class HalfStates {
  #states = new Uint32Array(SMALLEST)
  /** How far before each the first half message of its transaction lies. */
  #distances = new Uint32Array(SMALLEST)
  #start = 0
  #base = 0
  #end = 0

  /** Queue offset of the first one that is not ended; all before it are. */
  get base(): number {
    return this.#base
  }

  /** One behind the last one of which anything is known. */
  get end(): number {
    return this.#end
  }

  get memoryBytes(): number {
    return this.#states.byteLength + this.#distances.byteLength
  }

  /** Forgets everything and begins at `base`. */
  reset(base: number): void {
    this.#states = new Uint32Array(SMALLEST)
    this.#distances = new Uint32Array(SMALLEST)
    this.#start = 0
    this.#base = base
    this.#end = base
  }

  at(queueOffset: number): number {
    if (queueOffset < this.#base) return half.ENDED
    if (queueOffset >= this.#end) return half.UNKNOWN
    return this.#states[this.#start + queueOffset - this.#base]!
  }

  /** Offsets before `base` are ended for good and stay so. */
  set(queueOffset: number, state: number): void {
    if (queueOffset < this.#base) return
    this.#reach(queueOffset)
    this.#states[this.#start + queueOffset - this.#base] = state
  }

  setPending(queueOffset: number, state: number, firstOffset: number): void {
    this.set(queueOffset, state)
    if (queueOffset >= this.#base)
      this.#distances[this.#start + queueOffset - this.#base] = Math.min(queueOffset - firstOffset, 0xffff_ffff)
  }

  firstOf(queueOffset: number): number {
    return queueOffset - this.#distances[this.#start + queueOffset - this.#base]!
  }

  /** The pending one of the transaction that began at `firstOffset`. A walk over all: for answers that come late only. */
  findPending(firstOffset: number): number | undefined {
    const count = this.#end - this.#base
    const distance = this.#base - firstOffset
    for (let i = count - 1; i >= 0; i--) {
      const at = this.#start + i
      if (this.#distances[at] === distance + i && isPending(this.#states[at]!)) return this.#base + i
    }
    return undefined
  }

  /** Moves `base` over what is ended, up to `limit`. */
  advance(limit: number): void {
    while (this.#base < Math.min(limit, this.#end) && isEnded(this.#states[this.#start]!)) {
      this.#start++
      this.#base++
    }
    const count = this.#end - this.#base
    if (this.#start > SMALLEST && this.#start > count) this.#resize(Math.max(SMALLEST, count * 2))
  }

  #reach(queueOffset: number): void {
    if (queueOffset < this.#end) return
    const needed = queueOffset + 1 - this.#base
    if (this.#start + needed > this.#states.length) this.#resize(Math.max(SMALLEST, needed * 2))
    this.#end = queueOffset + 1
  }

  #resize(length: number): void {
    this.#states = moved(this.#states, this.#start, this.#end - this.#base, length)
    this.#distances = moved(this.#distances, this.#start, this.#end - this.#base, length)
    this.#start = 0
  }
}

function moved(from: Uint32Array<ArrayBuffer>, start: number, count: number, length: number): Uint32Array<ArrayBuffer> {
  const into = new Uint32Array(length)
  into.set(from.subarray(start, start + count))
  return into
}

export const isPending = (state: number) => state >= FIRST_DUE
export const isEnded = (state: number) => state > half.ENDING && state < FIRST_DUE

/** `elapsedMs` counts from the start of this process. */
export const dueAt = (elapsedMs: number) => FIRST_DUE + Math.max(0, Math.ceil(elapsedMs / TICK_MS))
export const isDue = (state: number, elapsedMs: number) =>
  isPending(state) && (state & ~WAITING) >>> 0 <= FIRST_DUE + Math.floor(elapsedMs / TICK_MS)

/** Pending until `elapsedMs`, or until a producer of its group is back. */
export const waitingUntil = (elapsedMs: number) => (dueAt(elapsedMs) | WAITING) >>> 0
export const isWaiting = (state: number) => state >= WAITING
