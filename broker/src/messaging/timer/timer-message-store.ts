import type { World } from '@rocketcluster/world'
import type { BackgroundService } from '../../background-service.ts'
import type { BrokerStats } from '../../stats.ts'
import { CQ_UNIT_SIZE, unitOffset } from '../../store/cq-unit.ts'
import type { Store } from '../../store/store.ts'
import { Throughput } from '../../throughput.ts'
import type { Puts } from '../puts.ts'
import { TimerDelivery } from './timer-delivery.ts'
import { TimerDequeue } from './timer-dequeue.ts'
import { TimerEnqueue } from './timer-enqueue.ts'
import { DamagedTimerLogError } from './timer-log.ts'
import { TimerMetrics } from './timer-metrics.ts'
import { openTimer, progressOf, rebuild } from './timer-recovery.ts'
import { TIMER_TOPIC, type TimerSettings } from './timer-redirect.ts'
import { Signal, TimerCounts, type TimerState } from './timer-state.ts'

export interface TimerConfig extends TimerSettings {
  readonly storePathRootDir: string
  readonly timerRollWindowSlot: number
  readonly mappedFileSizeTimerLog: number
  readonly timerFlushIntervalMs: number
  readonly timerStopEnqueue: boolean
  readonly timerStopDequeue: boolean
}

const TRY_AGAIN_MS = 500
/** How often the loops look when nobody wakes them. */
const IDLE_MS = 1000
/** A clock that was put back by less is waited for. */
const CLOCK_BACK_MS = 60_000
/** How often a slot that has to wait is looked at again. */
const BLOCKED_MS = 5
const CLEAN_MS = 30_000
const SAMPLE_MS = 1000
/** The time up to which slots were found empty is saved only so often. */
const SAVE_TIME_MS = 60_000
/** How long an answer of `neededFrom` counts: it can only have become too careful. */
const NEEDED_MS = 60_000
/** Upper ends of the groups in which waiting messages are counted, in seconds from now (TimerMetrics.java). */
export const TIMER_BOUNDS_S = [5, 60, 300, 900, 3600, 14_400, 28_800, 86_400] as const
const SNAPSHOT_MS = 5000

/**
 * Messages that wait for a moment of their own. Producers' messages lie in the timer's topic in the commit log; the wheel has a
 * slot for each step of time, and the timer log the list of each slot. Nothing is kept in memory for a message that waits.
 *
 * What a message needs to be delivered is on stable storage before the checkpoint says so, in this order: commit log, timer log,
 * checkpoint, wheel. The wheel's file is never ahead of the checkpoint, so that a start needs to read only what is between.
 */
export class TimerMessageStore implements BackgroundService {
  readonly metrics: TimerMetrics
  readonly counts = new TimerCounts()
  /** `put` is into the wheel, `got` out of it. */
  readonly throughput: Throughput
  readonly #world: World
  readonly #store: Store
  readonly #puts: Puts
  readonly #stats: BrokerStats
  readonly #config: TimerConfig
  readonly #arrived: Signal
  readonly #tick: Signal
  readonly #pauses: Signal
  /** Of the loops. */
  readonly #sleeping = new Set<Signal>()
  #state: TimerState | undefined
  #enqueue: TimerEnqueue | undefined
  #dequeue: TimerDequeue | undefined
  #running: Promise<unknown> | undefined
  #stopping = false
  #flushing: Promise<void> | undefined
  /** The timer log is on stable storage up to here. */
  #logSynced = 0
  #logSyncFailed = false
  #saved = ''
  #savedTimeMs = 0
  /** One batch, or one rebuilding, at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  #needed: { readonly atMs: number; readonly physicalOffset: number } | undefined
  #snapshot: { readonly atMs: number; readonly counts: readonly number[] } | undefined

  constructor(parts: { world: World; store: Store; puts: Puts; stats: BrokerStats; config: TimerConfig }) {
    this.#world = parts.world
    this.#store = parts.store
    this.#puts = parts.puts
    this.#stats = parts.stats
    this.#config = parts.config
    this.throughput = new Throughput(parts.world.clock, () => ({
      put: this.counts.enqueuedTotal,
      got: this.counts.dequeuedTotal,
    }))
    this.metrics = new TimerMetrics(parts.world, this.#directory)
    this.#arrived = new Signal(parts.world)
    this.#tick = new Signal(parts.world)
    this.#pauses = new Signal(parts.world)
  }

  get #directory(): string {
    return `${this.#config.storePathRootDir}/config`
  }

  // ---- life

  async start(): Promise<void> {
    if (!this.#config.timerWheelEnable || this.#state !== undefined) return
    const { storePathRootDir: root, timerPrecisionMs, mappedFileSizeTimerLog, timerRollWindowSlot } = this.#config
    await this.metrics.load(this.#world.log)
    const state = await openTimer(this.#world, this.#store, {
      root,
      directory: this.#directory,
      precisionMs: timerPrecisionMs,
      logFileBytes: mappedFileSizeTimerLog,
    })
    this.#stopping = false
    this.#logSynced = state.log.end
    this.#logSyncFailed = false
    this.#saved = ''
    const stopping = () => this.#stopping
    const common = { world: this.#world, store: this.#store, stats: this.#stats, stopping }
    const delivery = new TimerDelivery({ ...common, puts: this.#puts, pause: ms => this.#pauses.wait(ms) })
    const shared = { ...common, state, delivery, metrics: this.metrics, counts: this.counts }
    this.#enqueue = new TimerEnqueue({ ...shared, timerRollWindowSlot })
    this.#dequeue = new TimerDequeue({ ...shared, enqueueStopped: () => this.#config.timerStopEnqueue })
    this.#state = state
    this.#running = Promise.all([
      this.#loop('taking up', this.#arrived, () => this.#takeUp(state)),
      this.#loop('delivering', this.#tick, () => this.#deliver(state)),
      this.#loop('saving', new Signal(this.#world), () => this.#save()),
      this.#loop('counting', new Signal(this.#world), async () => {
        this.throughput.sample()
        return SAMPLE_MS
      }),
      this.#loop('cleaning', new Signal(this.#world), () => this.#clean(state)),
    ])
  }

  async stop(): Promise<void> {
    const state = this.#state
    if (state === undefined) return
    this.#stopping = true
    for (const signal of this.#sleeping) signal.notify()
    this.#pauses.notify()
    await this.#running
    try {
      await this.#flushing?.catch(() => {})
      await this.flush(true)
      await this.metrics.save()
    } finally {
      this.#state = undefined
      await state.wheel.close().catch(() => {})
      await state.log.close().catch(() => {})
      await state.checkpoint.close().catch(() => {})
    }
  }

  /** Runs `turn` again and again; it says after how many milliseconds it wants to be run next. */
  async #loop(what: string, signal: Signal, turn: () => Promise<number>): Promise<void> {
    // Not cut short by what arrives: a disk that fails is not asked for each message.
    const patience = new Signal(this.#world)
    this.#sleeping.add(signal).add(patience)
    while (!this.#stopping) {
      try {
        const waitMs = await turn()
        if (waitMs > 0 && !this.#stopping) await signal.wait(waitMs)
      } catch (error) {
        this.#world.log.error({ error }, `${what} timed messages failed; trying again`)
        if (!this.#stopping) await patience.wait(TRY_AGAIN_MS)
      }
    }
    this.#sleeping.delete(signal)
    this.#sleeping.delete(patience)
  }

  /** Messages have become readable, maybe also timed ones. */
  arrived(): void {
    const state = this.#state
    if (state !== undefined && this.#store.maxOffset(TIMER_TOPIC, 0) > state.queueOffset) this.#arrived.notify()
  }

  // ---- the loops

  async #takeUp(state: TimerState): Promise<number> {
    if (this.#config.timerStopEnqueue) return IDLE_MS
    const more = await this.#inTurn(() => this.#enqueue!.batch())
    // A slot may have waited for that.
    if (more && this.#dequeue!.dueInMs <= 0) this.#tick.notify()
    if (state.wheel.manyDirtyPages) await this.flush()
    return more ? 0 : IDLE_MS
  }

  async #deliver(state: TimerState): Promise<number> {
    if (this.#config.timerStopDequeue) return IDLE_MS
    await this.#followClockBack(state)
    try {
      if (await this.#dequeue!.next()) return 0
    } catch (error) {
      if (!(error instanceof DamagedTimerLogError)) throw error
      this.#world.log.error({ error }, 'the timer log is damaged: wheel and log are made anew from the messages')
      await this.#rebuild(state)
      return 0
    }
    return Math.max(BLOCKED_MS, Math.min(IDLE_MS, this.#dequeue!.dueInMs))
  }

  /**
   * A clock that was put back by more than a moment: until it comes to where it was, nothing would be delivered, and that may be
   * years. The wheel is made anew for the time that it is now; what was delivered then does not come again.
   */
  async #followClockBack(state: TimerState): Promise<void> {
    const nowMs = this.#world.clock.now()
    if (state.readTimeMs - nowMs <= CLOCK_BACK_MS) return
    this.#world.log.warn(
      { nowMs, deliveredToMs: state.readTimeMs },
      'the clock was put back: timer wheel and log are made anew from the messages',
    )
    await this.#rebuild(state)
    const { precisionMs } = state.wheel
    const stepMs = this.#world.clock.now()
    state.readTimeMs = state.openFromMs = stepMs - (stepMs % precisionMs)
  }

  #rebuild(state: TimerState): Promise<void> {
    return this.#inTurn(async () => {
      await this.#flushing?.catch(() => {})
      // Until it is done nothing is saved, and a flush that is asked for waits.
      this.#flushing = rebuild(state, this.#store, this.#world.clock.now()).finally(() => (this.#flushing = undefined))
      await this.#flushing
      this.#logSynced = 0
      this.#logSyncFailed = false
      this.metrics.clear()
    })
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run, run)
    this.#turn = mine.catch(() => {})
    return mine
  }

  async #save(): Promise<number> {
    await this.flush()
    await this.metrics.save()
    return this.#config.timerFlushIntervalMs
  }

  async #clean(state: TimerState): Promise<number> {
    await state.log.removeBefore(this.#store.minPhysicalOffset)
    return CLEAN_MS
  }

  /**
   * Saves how far the timer is, when that has changed. What it says holds after any power cut. Rejects with DiskError: what was
   * saved before counts on.
   */
  flush(always = false): Promise<void> {
    this.#flushing ??= this.#flush(always).finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #flush(always: boolean): Promise<void> {
    const state = this.#state
    if (state === undefined) return
    const { readTimeMs, ...rest } = progressKey(state)
    const key = JSON.stringify(rest)
    if (!always && key === this.#saved && readTimeMs - this.#savedTimeMs < SAVE_TIME_MS) return
    // All of one moment.
    const progress = progressOf(state)
    const pages = state.wheel.takeDirty()
    // Not only what is readable: with SYNC_FLUSH what was delivered last is not, before it is synced.
    const written = this.#store.committedOffset
    const { end } = state.log
    try {
      await this.#syncStore(written)
      await this.#syncLog(state, end)
      await state.checkpoint.write(progress, this.#world.clock.now())
    } catch (error) {
      state.wheel.giveBack(pages)
      throw error
    }
    await state.wheel.flush(pages)
    state.wheelPos = end
    this.#saved = key
    this.#savedTimeMs = readTimeMs
  }

  async #syncStore(physicalOffset: number): Promise<void> {
    if (!(await this.#store.makeFinal(physicalOffset)))
      throw new Error(`the commit log is not synced up to ${physicalOffset}, or replicas lack it`)
  }

  async #syncLog({ log }: TimerState, end: number): Promise<void> {
    try {
      if (this.#logSyncFailed) await log.rewrite(this.#logSynced, end)
      await log.sync()
      this.#logSynced = end
      this.#logSyncFailed = false
    } catch (error) {
      this.#logSyncFailed = true
      throw error
    }
  }

  // ---- what others want to know

  get running(): boolean {
    return this.#state !== undefined
  }

  /** The body of GET_TIMER_CHECK_POINT; undefined while the timer does not run. */
  get checkpoint(): Buffer | undefined {
    return this.#state?.checkpoint.encoded
  }

  /** How many messages wait for that slot, as far as memory knows. */
  congestion(slotMs: number): number {
    const wheel = this.#state?.wheel
    return wheel?.has(slotMs) ? (wheel.get(slotMs)?.num ?? 0) : 0
  }

  /** Messages in the wheel. */
  get pending(): number {
    return Math.max(0, this.#state?.pending ?? 0)
  }

  /** Messages stored and not yet in the wheel. */
  get enqueueBehindMessages(): number {
    const state = this.#state
    return state === undefined ? 0 : Math.max(0, this.#store.maxOffset(TIMER_TOPIC, 0) - state.queueOffset)
  }

  /** How long the next of them has been waiting for that at least, in milliseconds. */
  get enqueueBehindMs(): number {
    const storedMs = this.#enqueue?.lastStoredMs ?? 0
    return this.enqueueBehindMessages === 0 || storedMs === 0 ? 0 : Math.max(0, this.#world.clock.now() - storedMs)
  }

  /** By how much the newest slot delivered lies behind the present, in milliseconds. */
  get dequeueBehindMs(): number {
    return this.#state === undefined ? 0 : Math.max(0, this.#world.clock.now() - this.#state.readTimeMs)
  }

  /** Nothing of the topic is shown any more. */
  forgetTopic(topic: string): void {
    this.metrics.remove(topic)
    this.counts.forget(topic)
  }

  /** Messages that wait, by the bounds of TIMER_BOUNDS_S. At most five seconds old. Rejects with DiskError. */
  async snapshot(): Promise<readonly number[]> {
    const state = this.#state
    if (state === undefined) return TIMER_BOUNDS_S.map(() => 0)
    const nowMs = this.#world.clock.now()
    if (this.#snapshot === undefined || nowMs - this.#snapshot.atMs > SNAPSHOT_MS) {
      const counts = TIMER_BOUNDS_S.map(() => 0)
      const from = nowMs - (nowMs % state.wheel.precisionMs)
      await state.wheel.survey(from, from + TIMER_BOUNDS_S.at(-1)! * 1000, ({ num }, timeMs) => {
        counts[TIMER_BOUNDS_S.findIndex(bound => timeMs < from + bound * 1000)]! += num
      })
      this.#snapshot = { atMs: nowMs, counts }
    }
    return this.#snapshot.counts
  }

  /**
   * Physical offset of the oldest message that still waits: from there on the commit log is needed. Infinity when nothing is;
   * 0 while nobody knows. Rejects with DiskError.
   */
  async neededFrom(): Promise<number> {
    if (!this.#config.timerWheelEnable) return Number.POSITIVE_INFINITY
    const state = this.#state
    const enqueue = this.#enqueue
    if (state === undefined || enqueue === undefined) return 0
    const nowMs = this.#world.clock.monotonicMs()
    if (this.#needed === undefined || nowMs - this.#needed.atMs > NEEDED_MS)
      this.#needed = { atMs: nowMs, physicalOffset: await this.#oldest(state, enqueue) }
    return this.#needed.physicalOffset
  }

  async #oldest(state: TimerState, enqueue: TimerEnqueue): Promise<number> {
    const { wheel, log } = state
    // First what is not in the wheel yet: while that is looked for it may get there.
    const next = await this.#notTakenUp(state)
    let first = Number.POSITIVE_INFINITY
    const end = Math.max(this.#world.clock.now(), state.openFromMs) + enqueue.windowMs + 2 * wheel.precisionMs
    await wheel.survey(state.readTimeMs, end, ({ firstPos, lastPos }) => {
      // A forced clean-up may have taken the first of a slot, and those behind it wait all the same.
      if (lastPos >= log.min) first = Math.min(first, Math.max(firstPos, log.min))
    })
    if (!Number.isFinite(first)) return next
    const { physicalOffset } = await log.read(first)
    return Math.min(next, physicalOffset)
  }

  async #notTakenUp(state: TimerState): Promise<number> {
    const from = Math.max(state.queueOffset, this.#store.minOffset(TIMER_TOPIC, 0))
    if (from >= this.#store.maxOffset(TIMER_TOPIC, 0)) return Number.POSITIVE_INFINITY
    const units = await this.#store.entries(TIMER_TOPIC, 0, from, 1)
    return units.count === 0 ? 0 : unitOffset(units.buffer, units.start + 0 * CQ_UNIT_SIZE)
  }
}

/** What makes a save worth while. */
const progressKey = ({ readTimeMs, queueOffset, log, deliveredInSlot, pending }: TimerState) => ({
  readTimeMs,
  queueOffset,
  end: log.end,
  deliveredInSlot,
  pending,
})
