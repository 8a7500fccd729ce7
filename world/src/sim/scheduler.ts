import type { Timer } from '../clock.ts'
import { realTurn } from '../node/turn.ts'

class SimEvent implements Timer {
  readonly at: number
  readonly order: number
  readonly label: string
  run: (() => void) | undefined

  constructor(at: number, order: number, label: string, run: () => void) {
    this.at = at
    this.order = order
    this.label = label
    this.run = run
  }

  cancel(): void {
    this.run = undefined
  }
}

export interface RunLimits {
  /** Virtual time a run may take; an hour when absent. */
  readonly maxVirtualMs?: number
  /** Events a run may take; 5 million when absent. */
  readonly maxEvents?: number
}

/**
 * Virtual time: a queue of events, the earliest first, and those of one moment in the order they were asked for. Between
 * two events all promise jobs run to the end, so what happens next depends on nothing but the queue.
 */
export class Scheduler {
  nowMs = 0
  /** Events that have run. */
  events = 0
  #heap: SimEvent[] = []
  #order = 0
  #hash = 0x811c9dc5

  /** What has happened so far as one number: two runs of one seed agree on it, or something reached outside its world. */
  get traceHash(): number {
    return this.#hash >>> 0
  }

  /** Adds a fact to the trace. */
  note(value: number): void {
    this.#hash = Math.imul((this.#hash ^ value) >>> 0, 0x01000193)
    this.#hash ^= this.#hash >>> 15
  }

  schedule(label: string, delayMs: number, run: () => void): Timer {
    const delay = Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs)
    const event = new SimEvent(this.nowMs + delay, this.#order++, label, run)
    this.#push(event)
    return event
  }

  /** Lets events happen until `goal` settles. Rejects when it never can, when a limit is met, or when an event throws. */
  async run<T>(goal: Promise<T>, { maxVirtualMs = 3_600_000, maxEvents = 5_000_000 }: RunLimits = {}): Promise<T> {
    let settled = false
    const settle = () => {
      settled = true
    }
    goal.then(settle, settle)
    const lastMs = this.nowMs + maxVirtualMs
    const lastEvent = this.events + maxEvents
    for (;;) {
      await realTurn()
      if (settled) return goal
      const event = this.#next()
      if (!event) throw new Error(`at ${this.nowMs.toFixed(3)} ms nothing is left to happen, and the run still waits`)
      if (event.at > lastMs) throw new Error(`the run still waits after ${maxVirtualMs} ms of virtual time`)
      if (this.events >= lastEvent) {
        throw new Error(`the run still waits after ${maxEvents} events; the last was ${event.label} at ${event.at} ms`)
      }
      this.nowMs = event.at
      this.events++
      this.#trace(event)
      const { run } = event
      event.run = undefined
      run!()
    }
  }

  #trace({ at, label }: SimEvent): void {
    this.note(Math.floor(at * 1000) % 2 ** 32)
    for (let i = 0; i < label.length; i++) this.note(label.charCodeAt(i))
  }

  #next(): SimEvent | undefined {
    for (;;) {
      const event = this.#pop()
      if (!event || event.run) return event
    }
  }

  #push(event: SimEvent): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: SimEvent, b: SimEvent) => a.at < b.at || (a.at === b.at && a.order < b.order)

/** One run of a program on a host. When it is dead, nothing that it asked for happens any more. */
export class SimProcess {
  readonly host: string
  alive = true
  /** What the kernel does for a process that ends: half-done writes, locks, sockets. */
  readonly atDeath: (() => void)[] = []
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler, host: string) {
    this.#scheduler = scheduler
    this.host = host
  }

  schedule(label: string, delayMs: number, run: () => void): Timer {
    return this.#scheduler.schedule(`${this.host} ${label}`, delayMs, () => {
      if (this.alive) run()
    })
  }

  kill(): void {
    if (!this.alive) return
    this.alive = false
    for (const run of this.atDeath.splice(0)) run()
  }
}
