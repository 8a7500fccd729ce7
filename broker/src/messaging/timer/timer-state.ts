import type { World } from '@rocketcluster/world'
import { Buckets } from '../../stats.ts'
import type { TimerCheckpoint } from './timer-checkpoint.ts'
import type { TimerLog } from './timer-log.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** Upper bounds of delays in seconds (DefaultStoreMetricsManager.java#getMetricsView). */
export const DELAY_BUCKETS_S = [60, 600, 3600, 43_200, 86_400, 259_200] as const

/** The numbers of messages that went into the wheel and out of it, by topic. */
export class TimerCounts {
  enqueuedTotal = 0
  dequeuedTotal = 0
  readonly enqueued = new Map<string, number>()
  readonly dequeued = new Map<string, number>()
  /** From a message's birth to the time it is for. */
  readonly delaysS = new Map<string, Buckets>()

  enqueue(topic: string, delayMs: number): void {
    this.enqueuedTotal++
    this.enqueued.set(topic, (this.enqueued.get(topic) ?? 0) + 1)
    let delays = this.delaysS.get(topic)
    if (delays === undefined) this.delaysS.set(topic, (delays = new Buckets(DELAY_BUCKETS_S)))
    delays.observe(Math.max(0, Math.floor(delayMs / 1000)))
  }

  dequeue(topic: string): void {
    this.dequeuedTotal++
    this.dequeued.set(topic, (this.dequeued.get(topic) ?? 0) + 1)
  }

  forget(topic: string): void {
    this.enqueued.delete(topic)
    this.dequeued.delete(topic)
    this.delaysS.delete(topic)
  }
}

/**
 * Where the timer is. All of it moves in single turns of the event loop, so that whoever looks sees one moment: what lies
 * before `queueOffset` is in the wheel or delivered, what lies in slots before `readTimeMs` is delivered.
 */
export interface TimerState {
  readonly wheel: TimerWheel
  readonly log: TimerLog
  readonly checkpoint: TimerCheckpoint
  /** Next entry of the timer topic's queue to put into the wheel. */
  queueOffset: number
  /** First slot that is not delivered. */
  readTimeMs: number
  /** First slot that takes entries: one behind the slot that is being delivered. */
  openFromMs: number
  /** Messages of the slot `readTimeMs` that are delivered, the oldest first. */
  deliveredInSlot: number
  /** Messages in the wheel, less the recalls in it: below 0 while what a recall is for is on its way to another slot. */
  pending: number
  /** See TimerProgress. */
  knownTo: number
  knownBeforeMs: number
  /** Up to here in the timer log the wheel's file is complete. */
  wheelPos: number
}

/** Lets loops sleep until there is something to do; several may sleep at a time. */
export class Signal {
  readonly #world: World
  readonly #sleepers = new Set<() => void>()

  constructor(world: World) {
    this.#world = world
  }

  notify(): void {
    for (const wake of this.#sleepers) wake()
  }

  /** Resolves after `ms`, or when `notify` is called. */
  wait(ms: number): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        timer.cancel()
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer = this.#world.clock.setTimeout(wake, ms)
      this.#sleepers.add(wake)
    })
  }
}
