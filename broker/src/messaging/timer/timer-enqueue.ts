import { javaHash, recordBornTimestamp, recordStoreTimestamp } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { CQ_UNIT_SIZE, unitOffset, unitSize } from '../../store/cq-unit.ts'
import type { Store } from '../../store/store.ts'
import { NEVER_ENQUEUED, type TimedMessage, timedMessage } from './timed-message.ts'
import type { Leaving, TimerDelivery } from './timer-delivery.ts'
import type { TimerMetrics } from './timer-metrics.ts'
import { TIMER_TOPIC } from './timer-redirect.ts'
import type { TimerCounts, TimerState } from './timer-state.ts'
import { countOf, MAGIC_DEFAULT, MAGIC_DELETE, MAGIC_ROLL, TIMER_UNIT_SIZE, type TimerUnit } from './timer-unit.ts'
import { SLOTS_TOTAL } from './timer-wheel.ts'

const BATCH_MESSAGES = 512
export const BATCH_BYTES = 4 * 1024 * 1024
/** Slots between the furthest that a message is put into and the wheel's own end (TIMER_BLANK_SLOTS). */
const BLANK_SLOTS = 60
/** The timer log counts the milliseconds to a slot in an int. */
const MAX_WINDOW_MS = 2_000_000_000

/** A message read from the timer's topic. */
interface Waiting {
  readonly record: Buffer
  readonly physicalOffset: number
  readonly message: TimedMessage
}

/** One that has got its place in the wheel. */
interface Placed {
  readonly waiting: Waiting
  readonly timeMs: number
  readonly magic: number
  readonly enqueueMs: number
}

/** After a long time away the old slots come first: a turn of the wheel later their places are taken. */
export const isFarBehind = ({ readTimeMs, wheel }: TimerState, nowMs: number): boolean =>
  nowMs - readTimeMs > SLOTS_TOTAL * wheel.precisionMs

/**
 * The clock was put back: slots of times to come are delivered already. Nothing is taken up meanwhile, for it would have to go
 * into a later slot than its own, and a wheel that is made anew could not tell that from having been delivered.
 */
export const isClockBehind = ({ openFromMs }: TimerState, nowMs: number): boolean => nowMs < openFromMs

/** Moves messages from the timer's topic into the wheel; those that are due already, to where they are to go. */
export class TimerEnqueue {
  readonly #world: World
  readonly #store: Store
  readonly #state: TimerState
  readonly #delivery: TimerDelivery
  readonly #metrics: TimerMetrics
  readonly #counts: TimerCounts
  readonly #windowSlots: number
  readonly #windowMs: number
  /** Physical offsets of what has been delivered of a batch that is not taken up yet: when the disk fails it is tried again. */
  readonly #delivered = new Set<number>()
  /** storeTimestamp of the newest message that was taken up; 0 before the first. */
  lastStoredMs = 0

  constructor(parts: {
    world: World
    store: Store
    state: TimerState
    delivery: TimerDelivery
    metrics: TimerMetrics
    counts: TimerCounts
    timerRollWindowSlot: number
  }) {
    this.#world = parts.world
    this.#store = parts.store
    this.#state = parts.state
    this.#delivery = parts.delivery
    this.#metrics = parts.metrics
    this.#counts = parts.counts
    const { precisionMs } = parts.state.wheel
    const furthest = SLOTS_TOTAL - BLANK_SLOTS
    const asked = parts.timerRollWindowSlot
    this.#windowSlots = Math.min(
      asked > furthest || asked < 2 ? furthest : asked,
      Math.floor(MAX_WINDOW_MS / precisionMs),
    )
    this.#windowMs = this.#windowSlots * precisionMs
  }

  /** No entry of the wheel lies further ahead of the moment at which it was made. */
  get windowMs(): number {
    return this.#windowMs
  }

  #step(timeMs: number): number {
    return timeMs - (timeMs % this.#state.wheel.precisionMs)
  }

  /** Takes up the next messages; false when there are none, or now is not the time. Rejects when the disk fails. */
  async batch(): Promise<boolean> {
    const state = this.#state
    const nowMs = this.#world.clock.now()
    if (isFarBehind(state, nowMs) || isClockBehind(state, nowMs)) return false
    this.#correct()
    const from = state.queueOffset
    const max = this.#store.maxOffset(TIMER_TOPIC, 0)
    if (from >= max) return false
    const { waiting, count } = await this.#read(from, max)
    if (count === 0) return false
    return this.#takeUp(waiting, from + count)
  }

  #correct(): void {
    const state = this.#state
    const min = this.#store.minOffset(TIMER_TOPIC, 0)
    const max = this.#store.maxOffset(TIMER_TOPIC, 0)
    const corrected = Math.max(min, Math.min(state.queueOffset, max))
    if (corrected === state.queueOffset) return
    this.#world.log.error(
      { queueOffset: state.queueOffset, min, max },
      'the timer’s progress lies outside of its queue',
    )
    state.queueOffset = corrected
  }

  async #read(from: number, max: number): Promise<{ waiting: Waiting[]; count: number }> {
    const state = this.#state
    const units = await this.#store.entries(TIMER_TOPIC, 0, from, Math.min(BATCH_MESSAGES, max - from))
    const offsets: number[] = []
    let bytes = 0
    for (let i = 0; i < units.count && (i === 0 || bytes < BATCH_BYTES); i++) {
      const at = units.start + i * CQ_UNIT_SIZE
      offsets.push(unitOffset(units.buffer, at))
      bytes += unitSize(units.buffer, at)
    }
    const records = await Promise.all(offsets.map(offset => this.#store.readRecord(offset)))
    const waiting: Waiting[] = []
    for (const [i, record] of records.entries()) {
      const physicalOffset = offsets[i]!
      const message = record === undefined ? undefined : timedMessage(record)
      if (record === undefined || message === undefined) {
        // Nothing that anybody could deliver; waiting for it would hold up all others.
        this.#world.log.error(
          { queueOffset: from + i, physicalOffset },
          'there is no timed message here: it was cleaned away, or a client wrote to the timer’s topic itself',
        )
        continue
      }
      this.lastStoredMs = recordStoreTimestamp(record, 0)
      if (from + i < state.knownTo && message.slotMs < state.knownBeforeMs) continue
      waiting.push({ record, physicalOffset, message })
    }
    return { waiting, count: offsets.length }
  }

  async #takeUp(all: readonly Waiting[], nextQueueOffset: number): Promise<boolean> {
    const state = this.#state
    let waiting = all.filter(({ physicalOffset }) => !this.#delivered.has(physicalOffset))
    for (;;) {
      // Not what is due but whose slot is still open: there it meets a recall that may be right behind it.
      const dueSlotMs = Math.min(state.openFromMs, this.#world.clock.now() - state.wheel.precisionMs + 1)
      const due = waiting.filter(({ message }) => this.#step(message.slotMs) < dueSlotMs)
      if (due.length > 0) {
        if (!(await this.#deliver(due))) return false
        for (const { physicalOffset } of due) this.#delivered.add(physicalOffset)
        waiting = waiting.filter(one => !due.includes(one))
      }
      const placed = waiting.map(one => this.#place(one))
      await state.wheel.load(placed.map(({ timeMs }) => timeMs))
      const units = this.#units(placed)
      const logEnd = await state.log.write(units)
      while (placed.some(({ timeMs }) => !state.wheel.has(timeMs)))
        await state.wheel.load(placed.map(({ timeMs }) => timeMs))
      // Slots that have been closed meanwhile take no more: what was for them finds another place, or is due now.
      if (placed.some(({ timeMs }) => timeMs < state.openFromMs)) continue
      this.#apply(placed, units, logEnd, nextQueueOffset)
      for (const { message, record, physicalOffset } of all) {
        this.#delivered.delete(physicalOffset)
        this.#counts.enqueue(message.realTopic, message.slotMs - recordBornTimestamp(record, 0))
      }
      return true
    }
  }

  /** A recall that comes when all is delivered comes too late. */
  #deliver(due: readonly Waiting[]): Promise<boolean> {
    const leaving = due
      .filter(({ message }) => message.recalls === undefined)
      .map(({ record, physicalOffset, message }): Leaving => {
        this.#counts.dequeue(message.realTopic)
        return {
          record,
          physicalOffset,
          enqueueMs: NEVER_ENQUEUED,
          rolls: false,
          dueMs: this.#step(message.slotMs) + this.#state.wheel.precisionMs,
        }
      })
    return this.#delivery.deliver(leaving)
  }

  /** The slot, and whether it is only on the way (TimerMessageStore.java#doEnqueue). */
  #place(waiting: Waiting): Placed {
    const state = this.#state
    const { precisionMs } = state.wheel
    const enqueueMs = this.#step(this.#world.clock.now())
    // The clock may be put back just now: slots of times to come are delivered already then, and late is better than never.
    let timeMs = Math.max(this.#step(waiting.message.slotMs), state.openFromMs)
    let magic = waiting.message.recalls === undefined ? MAGIC_DEFAULT : MAGIC_DEFAULT | MAGIC_DELETE
    const tooFarMs = timeMs - enqueueMs - this.#windowMs
    if (tooFarMs > 0) {
      magic |= MAGIC_ROLL
      // One that would have to roll once more shortly before its time rolls in the middle of the window instead.
      const slots =
        tooFarMs < Math.floor(this.#windowSlots / 3) * precisionMs
          ? Math.floor(this.#windowSlots / 2)
          : this.#windowSlots
      timeMs = Math.max(enqueueMs + slots * precisionMs, state.openFromMs)
    }
    return { waiting, timeMs, magic, enqueueMs }
  }

  /** Links each to the one before it in its slot. */
  #units(placed: readonly Placed[]): TimerUnit[] {
    const { wheel, log } = this.#state
    const last = new Map<number, number>()
    let position = log.end
    return placed.map(({ waiting, timeMs, magic, enqueueMs }) => {
      position = log.placeAt(position)
      const prevPos = last.get(timeMs) ?? wheel.get(timeMs)?.lastPos ?? -1
      last.set(timeMs, position)
      position += TIMER_UNIT_SIZE
      return {
        prevPos,
        magic,
        enqueueMs,
        delayMs: timeMs - enqueueMs,
        physicalOffset: waiting.physicalOffset,
        sizeBytes: waiting.record.length,
        topicHash: javaHash(waiting.message.realTopic),
      }
    })
  }

  /** In one turn: see TimerState. */
  #apply(placed: readonly Placed[], units: readonly TimerUnit[], logEnd: number, nextQueueOffset: number): void {
    const state = this.#state
    let position = state.log.end
    for (let i = 0; i < placed.length; i++) {
      const { timeMs, magic, waiting } = placed[i]!
      position = state.log.placeAt(position)
      const count = countOf(magic)
      state.wheel.append(timeMs, position, count)
      state.pending += count
      this.#metrics.add(waiting.message.realTopic, count)
      position += TIMER_UNIT_SIZE
    }
    if (units.length > 0) state.log.end = logEnd
    state.queueOffset = nextQueueOffset
  }
}
