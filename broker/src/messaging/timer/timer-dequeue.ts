import type { World } from '@rocketcluster/world'
import type { Store } from '../../store/store.ts'
import { recalledBy, timedMessage } from './timed-message.ts'
import type { Leaving, TimerDelivery } from './timer-delivery.ts'
import { BATCH_BYTES, isFarBehind } from './timer-enqueue.ts'
import { DamagedTimerLogError } from './timer-log.ts'
import type { TimerMetrics } from './timer-metrics.ts'
import { TIMER_TOPIC } from './timer-redirect.ts'
import type { TimerCounts, TimerState } from './timer-state.ts'
import { isRecall, isRolled, type TimerUnit } from './timer-unit.ts'
import { WHEEL_SLOTS } from './timer-wheel.ts'

/** Entries of a slot that are in memory at once. */
const SEGMENT_UNITS = 4096
/** Messages that are read and appended at once. */
const BATCH_MESSAGES = 256
/** Entries that may come from memory before others get their turn. */
const UNITS_PER_TURN = 1024

/** The list of a slot, as far as it is kept: where its parts begin, from the newest to the oldest. */
interface Chain {
  readonly marks: readonly number[]
  readonly messageCount: number
  readonly recalls: readonly TimerUnit[]
}

/** Delivers what is in the slots whose time has come. */
export class TimerDequeue {
  readonly #world: World
  readonly #store: Store
  readonly #state: TimerState
  readonly #delivery: TimerDelivery
  readonly #metrics: TimerMetrics
  readonly #counts: TimerCounts
  readonly #stopping: () => boolean
  /** timerStopEnqueue: waiting for what is not taken up would stop this half as well. */
  readonly #enqueueStopped: () => boolean
  #sinceTurn = 0
  /** From here on no slot can have anything: the broker was away for more than a turn of the wheel. */
  #emptyFromMs: number
  /** At `atMs` the timer's topic ended at `queueOffset`. */
  #barrier = { atMs: 0, queueOffset: 0 }

  constructor(parts: {
    world: World
    store: Store
    state: TimerState
    delivery: TimerDelivery
    metrics: TimerMetrics
    counts: TimerCounts
    stopping: () => boolean
    enqueueStopped: () => boolean
  }) {
    this.#world = parts.world
    this.#store = parts.store
    this.#state = parts.state
    this.#delivery = parts.delivery
    this.#metrics = parts.metrics
    this.#counts = parts.counts
    this.#stopping = parts.stopping
    this.#enqueueStopped = parts.enqueueStopped
    this.#emptyFromMs = parts.state.readTimeMs + WHEEL_SLOTS * parts.state.wheel.precisionMs
    if (this.#emptyFromMs > parts.world.clock.now()) this.#emptyFromMs = Number.POSITIVE_INFINITY
  }

  /** A broker that was away for years need not look at each of their seconds. */
  #skipEmpty(): void {
    const state = this.#state
    const nowMs = this.#world.clock.now()
    // The clock was put ahead by more than a turn of the wheel.
    if (this.#emptyFromMs === Number.POSITIVE_INFINITY && isFarBehind(state, nowMs))
      this.#emptyFromMs = state.readTimeMs + WHEEL_SLOTS * state.wheel.precisionMs
    if (state.readTimeMs < this.#emptyFromMs) return
    this.#emptyFromMs = Number.POSITIVE_INFINITY
    // While it is far behind nothing new has been put into the wheel.
    if (isFarBehind(state, nowMs)) state.readTimeMs = state.openFromMs = nowMs - (nowMs % state.wheel.precisionMs)
  }

  /** When the next slot has passed, from now in milliseconds; 0 or less when it has. */
  get dueInMs(): number {
    return this.#state.readTimeMs + this.#state.wheel.precisionMs - this.#world.clock.now()
  }

  /**
   * A slot is closed only when everything that was stored before its time has been taken up: a recall that was acknowledged
   * counts, however soon after it the message is due, also when the broker was away in between.
   */
  get #mustWait(): boolean {
    const state = this.#state
    const nowMs = this.#world.clock.now()
    const closesMs = state.readTimeMs + state.wheel.precisionMs
    if (closesMs > this.#barrier.atMs || nowMs < this.#barrier.atMs)
      this.#barrier = { atMs: nowMs, queueOffset: this.#store.maxOffset(TIMER_TOPIC, 0) }
    // What rolls may have a recall that rolls too: they shall meet in their slot, so it stays open for both.
    const takenUpTo = Math.max(this.#barrier.queueOffset, this.#delivery.rolledTo)
    return state.queueOffset < takenUpTo && !isFarBehind(state, nowMs) && !this.#enqueueStopped()
  }

  /**
   * Delivers the next slot that has something, or goes on to the present. False when the present is reached, or something that
   * was stored before is not taken up yet. Rejects with
   * DamagedTimerLogError when the slot's list leads astray, and with other errors when the disk fails: the slot begins anew then,
   * behind what was delivered of it.
   */
  async next(): Promise<boolean> {
    const state = this.#state
    const { wheel } = state
    if (this.dueInMs > 0 || this.#mustWait) return false
    this.#skipEmpty()
    await wheel.load([state.readTimeMs])
    const page = wheel.pageOf(state.readTimeMs)
    // Up to the moment for which that was said; without asking again, as a broker that was away has many slots to look at.
    const untilMs = this.#barrier.atMs
    while (state.readTimeMs + wheel.precisionMs <= untilMs && wheel.pageOf(state.readTimeMs) === page) {
      const slot = wheel.get(state.readTimeMs)
      const nextMs = state.readTimeMs + wheel.precisionMs
      // From this turn on the slot is closed: nothing is added to the list that is read now.
      state.openFromMs = nextMs
      if (slot !== undefined) {
        if (!(await this.#deliverSlot(state.readTimeMs, slot.lastPos))) return false
        state.pending -= slot.num
      }
      state.readTimeMs = nextMs
      state.deliveredInSlot = 0
      if (slot !== undefined) return true
    }
    return true
  }

  /** False when the timer stops before all is delivered. */
  async #deliverSlot(timeMs: number, lastPos: number): Promise<boolean> {
    const state = this.#state
    const chain = await this.#walk(timeMs, lastPos)
    const recalled = await this.#recalledIn(chain.recalls)
    const unmatched = new Map(recalled)
    let before = 0
    // The oldest first: the order in which they were sent.
    for (let i = chain.marks.length - 1; i >= 0; i--) {
      const inSegment = i === chain.marks.length - 1 ? chain.messageCount - i * SEGMENT_UNITS : SEGMENT_UNITS
      const skip = Math.min(inSegment, Math.max(0, state.deliveredInSlot - before))
      before += inSegment
      if (skip === inSegment) continue
      const units = (await this.#segment(timeMs, chain.marks[i]!)).slice(skip)
      for (let from = 0; from < units.length; ) {
        const to = endOfBatch(units, from)
        const leaving = await this.#read(timeMs, units.slice(from, to), recalled, unmatched)
        if (!(await this.#delivery.deliver(leaving))) return false
        state.deliveredInSlot += to - from
        from = to
        if (this.#stopping()) return false
      }
    }
    // What took nothing back stands for no message less.
    for (const topic of unmatched.values()) this.#metrics.add(topic, 1)
    return true
  }

  async #walk(timeMs: number, lastPos: number): Promise<Chain> {
    const marks: number[] = []
    const recalls: TimerUnit[] = []
    let messageCount = 0
    for (let at = lastPos; at !== -1; ) {
      if (this.#gone(at)) break
      const unit = await this.#unit(at, timeMs)
      if (isRecall(unit)) recalls.push(unit)
      else if (messageCount++ % SEGMENT_UNITS === 0) marks.push(at)
      at = unit.prevPos
    }
    return { marks, messageCount, recalls }
  }

  /** Its file was removed with the messages that it spoke of (the disk was full). */
  #gone(position: number): boolean {
    return position < this.#state.log.min
  }

  async #segment(timeMs: number, from: number): Promise<TimerUnit[]> {
    const units: TimerUnit[] = []
    for (let at = from; at !== -1 && !this.#gone(at) && units.length < SEGMENT_UNITS; ) {
      const unit = await this.#unit(at, timeMs)
      if (!isRecall(unit)) units.push(unit)
      at = unit.prevPos
    }
    return units.reverse()
  }

  async #unit(position: number, timeMs: number): Promise<TimerUnit> {
    if (++this.#sinceTurn >= UNITS_PER_TURN) {
      this.#sinceTurn = 0
      await this.#world.clock.sleep(0)
    }
    const unit = await this.#state.log.read(position)
    const { precisionMs } = this.#state.wheel
    const unitMs = unit.enqueueMs + unit.delayMs
    if (unitMs - (unitMs % precisionMs) !== timeMs || unit.prevPos >= position)
      throw new DamagedTimerLogError(
        `the entry at ${position} of the timer log is for ${unitMs} and follows ${unit.prevPos}; it is in the list of ${timeMs}`,
      )
    return unit
  }

  /** Keys of the messages taken back, each with the topic it is counted for. */
  async #recalledIn(recalls: readonly TimerUnit[]): Promise<Map<string, string>> {
    const keys = new Map<string, string>()
    for (const { physicalOffset } of recalls) {
      const record = await this.#store.readRecord(physicalOffset)
      const message = record === undefined ? undefined : timedMessage(record)
      if (message?.recalls !== undefined) keys.set(message.recalls, message.realTopic)
    }
    return keys
  }

  /** The messages themselves, without those that were taken back. */
  async #read(
    timeMs: number,
    units: readonly TimerUnit[],
    recalled: ReadonlyMap<string, string>,
    unmatched: Map<string, string>,
  ): Promise<Leaving[]> {
    const records = await Promise.all(units.map(({ physicalOffset }) => this.#store.readRecord(physicalOffset)))
    const { precisionMs } = this.#state.wheel
    const leaving: Leaving[] = []
    let lost = 0
    for (const [i, unit] of units.entries()) {
      const { physicalOffset } = unit
      const record = records[i]
      const message = record === undefined ? undefined : timedMessage(record)
      // After a crash of another broker an entry may speak of a place that another message has got: never deliver early.
      const early = message !== undefined && !isRolled(unit) && message.slotMs - (message.slotMs % precisionMs) > timeMs
      if (record === undefined || message === undefined || early) {
        if (physicalOffset >= this.#store.minPhysicalOffset)
          throw new DamagedTimerLogError(`an entry for ${timeMs} speaks of ${physicalOffset}, where no such message is`)
        lost++
        continue
      }
      if (recalled.size > 0 && message.recalls === undefined) {
        const key = recalledBy(record, message.realTopic, recalled)
        if (key !== undefined) {
          unmatched.delete(key)
          continue
        }
      }
      this.#metrics.add(message.realTopic, message.recalls === undefined ? -1 : 1)
      this.#counts.dequeue(message.realTopic)
      leaving.push({
        record,
        physicalOffset,
        enqueueMs: String(unit.enqueueMs),
        rolls: isRolled(unit),
        dueMs: timeMs + precisionMs,
      })
    }
    if (lost > 0)
      this.#world.log.error(
        { lost, timeMs },
        'messages that are due now have been cleaned away with their commit log files',
      )
    return leaving
  }
}

/** At least one; no more bytes than it takes to be quick. */
function endOfBatch(units: readonly TimerUnit[], from: number): number {
  let bytes = 0
  let to = from
  while (to < units.length && to - from < BATCH_MESSAGES && (to === from || bytes < BATCH_BYTES))
    bytes += units[to++]!.sizeBytes
  return to
}
