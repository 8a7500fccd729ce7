import { ResponseError, recordStarts, SCHEDULE_TOPIC } from '@rocketcluster/protocol'
import { getLong } from '@rocketcluster/protocol/internal'
import type { Timer, World } from '@rocketcluster/world'
import type { BrokerStats } from '../../stats.ts'
import { CQ_UNIT_SIZE, unitOffset } from '../../store/cq-unit.ts'
import type { Units } from '../../store/get-message.ts'
import type { Store } from '../../store/store.ts'
import type { GetMessageResult, PutStatus } from '../../store/types.ts'
import { queueOfLevel } from './delay-level.ts'
import type { DelayOffsets } from './delay-offsets.ts'
import { DeliveredMessage } from './delivered-message.ts'

/** MixAll.java SCHEDULE_CONSUMER_GROUP: who has consumed the delayed messages, in metrics. */
const SCHEDULE_CONSUMER_GROUP = 'SCHEDULE_CONSUMER'

/** Where a record holds its physical offset. */
const PHYSICAL_OFFSET_AT = 28

/** Messages appended before their commit is awaited: enough to fill a write, few enough for one turn (about a millisecond). */
const BATCH_MESSAGES = 128
/** How long the next message may be due in one sleep: the wall clock can be set, and the levels changed, meanwhile. */
const LONGEST_SLEEP_MS = 1000
/** Store times are whole milliseconds, rounded down: a message may be younger by almost one than it says. */
const CLOCK_GRAIN_MS = 1
/** Until the store is asked again that has refused (ScheduleMessageService.java DELAY_FOR_A_WHILE). */
const REFUSED_MS = 100
/** Until something is tried again that will hardly get better by itself (DELAY_FOR_A_PERIOD). */
const FAILED_MS = 10_000

export interface LevelOptions {
  readonly level: number
  readonly world: World
  readonly store: Store
  readonly offsets: DelayOffsets
  readonly stats: BrokerStats
  /** Milliseconds of this level now; undefined when the configuration has it no more. */
  readonly delayMs: () => number | undefined
}

/** What one turn delivers. */
interface Batch {
  /** In the level's queue: behind what has been appended to the real queues. */
  next: number
  /** How long to wait before going on; 0 when there is no reason to. */
  waitMs: number
  messageCount: number
  sizeBytes: number
}

/**
 * Delivers the messages of one delay level, in the order in which they came. Sleeps until the first is due, and not at all
 * while there are none; goes on behind a message only when it lies in its real queue.
 */
export class LevelDelivery {
  readonly #options: LevelOptions
  readonly #queueId: number
  readonly #delivered = new DeliveredMessage()
  /** In the level's queue: the first that is not delivered. */
  #next: number
  #state: 'idle' | 'asleep' | 'at work' | 'stopped' = 'idle'
  #timer: Timer | undefined
  #work: Promise<void> = Promise.resolve()
  /** Messages that are due later than the level's delay allows, and since when (monotonic) that is known. */
  #farFuture = { upTo: -1, sinceMs: 0 }

  constructor(options: LevelOptions) {
    this.#options = options
    this.#queueId = queueOfLevel(options.level)
    this.#next = this.#corrected(options.offsets.get(options.level) ?? 0)
  }

  /** Messages may have come. */
  wake(): void {
    if (this.#state === 'idle') this.#begin()
  }

  /** Physical offset of the first message that waits; Infinity without any, 0 when it is not to be found. Rejects with DiskError. */
  async neededFrom(): Promise<number> {
    const { store } = this.#options
    const from = Math.max(this.#next, store.minOffset(SCHEDULE_TOPIC, this.#queueId))
    if (from >= store.maxOffset(SCHEDULE_TOPIC, this.#queueId)) return Number.POSITIVE_INFINITY
    const units = await store.entries(SCHEDULE_TOPIC, this.#queueId, from, 1)
    return units.count === 0 ? 0 : unitOffset(units.buffer, units.start)
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#timer?.cancel()
    await this.#work
  }

  #begin(): void {
    this.#state = 'at work'
    this.#work = this.#run()
  }

  async #run(): Promise<void> {
    const { world, level } = this.#options
    while (this.#state === 'at work') {
      let waitMs: number | undefined
      try {
        waitMs = await this.#deliverDue()
      } catch (error) {
        world.log.error({ error, level, queueOffset: this.#next }, 'delayed messages cannot be delivered; trying again')
        waitMs = FAILED_MS
      }
      if (this.#stopped) return
      if (waitMs === undefined) {
        // What came while this was on its way here found somebody at work and did not wake him.
        if (this.#left > 0) continue
        this.#state = 'idle'
        return
      }
      if (waitMs > 0) {
        this.#state = 'asleep'
        this.#timer = world.clock.setTimeout(() => this.#begin(), Math.min(Math.ceil(waitMs), FAILED_MS))
        return
      }
    }
  }

  get #stopped(): boolean {
    return this.#state === 'stopped'
  }

  get #left(): number {
    return this.#options.store.maxOffset(SCHEDULE_TOPIC, this.#queueId) - this.#next
  }

  /** Returns after how many milliseconds to look again: 0 for at once, undefined when there is nothing to wait for. */
  async #deliverDue(): Promise<number | undefined> {
    const { store, offsets, level } = this.#options
    this.#next = this.#corrected(this.#next)
    offsets.set(level, this.#next)
    const left = this.#left
    if (left === 0) return undefined
    const found = store.entries(SCHEDULE_TOPIC, this.#queueId, this.#next, Math.min(left, BATCH_MESSAGES))
    const units = found instanceof Promise ? await found : found
    if (units.count === 0) {
      // Going on behind them would lose what waits there; a restart makes entries that are gone anew from the log.
      const { world } = this.#options
      world.log.error(
        { level, queueOffset: this.#next, left },
        'the consume queue of a delay level cannot be read: its messages wait until it can, or until a restart has made it anew',
      )
      return FAILED_MS
    }
    const due = this.#dueCount(units)
    if (due === 0) return this.#msUntilDue(getLong(units.buffer, units.start + 12), this.#next)
    return this.#deliver(due)
  }

  /** Progress of another store, or messages that were cleaned away meanwhile (ScheduleMessageService.java#correctDelayOffset). */
  #corrected(queueOffset: number): number {
    const { store, world, level } = this.#options
    const min = store.minOffset(SCHEDULE_TOPIC, this.#queueId)
    const max = store.maxOffset(SCHEDULE_TOPIC, this.#queueId)
    const corrected = Math.max(min, Math.min(queueOffset, max))
    if (corrected !== queueOffset)
      world.log.error({ level, queueOffset, min, max }, 'the progress of a delay level lies outside of its queue')
    return corrected
  }

  #dueCount(units: Units): number {
    for (let i = 0; i < units.count; i++) {
      const dueMs = getLong(units.buffer, units.start + i * CQ_UNIT_SIZE + 12)
      if (this.#msUntilDue(dueMs, this.#next + i) > 0) return i
    }
    return units.count
  }

  /**
   * A message that is due later than its whole delay from now was stored before the clock was put back, or before the
   * level's delay was made shorter. Apache delivers it at once. Here it waits for its delay from the moment at which that
   * was noticed, by the clock that never goes back: not early for certain, and not late by hours.
   */
  #msUntilDue(dueMs: number, queueOffset: number): number {
    const { world, store, delayMs } = this.#options
    const waitMs = dueMs + CLOCK_GRAIN_MS - world.clock.now()
    const longestMs = delayMs()
    if (longestMs === undefined || waitMs <= longestMs + CLOCK_GRAIN_MS) return Math.min(waitMs, LONGEST_SLEEP_MS)
    const nowMs = world.clock.monotonicMs()
    if (queueOffset >= this.#farFuture.upTo)
      this.#farFuture = { upTo: store.maxOffset(SCHEDULE_TOPIC, this.#queueId), sinceMs: nowMs }
    return Math.min(this.#farFuture.sinceMs + longestMs - nowMs, LONGEST_SLEEP_MS)
  }

  /** As `deliverDue`, for the next `due` messages. */
  async #deliver(due: number): Promise<number> {
    const { offsets, level, stats, world } = this.#options
    const end = this.#next + due
    const commits = new Set<Promise<PutStatus>>()
    const batch = { next: this.#next, waitMs: 0, messageCount: 0, sizeBytes: 0 }
    do {
      try {
        await this.#appendNext(batch, end - batch.next, commits)
      } catch (error) {
        world.log.error({ error, level, queueOffset: batch.next }, 'delayed messages cannot be read; trying again')
        batch.waitMs = FAILED_MS
      }
    } while (batch.next < end && batch.waitMs === 0 && !this.#stopped)
    // Nothing to wait for: others shall have their turn all the same.
    if (commits.size === 0) await world.clock.sleep(0)
    try {
      await Promise.all(commits)
    } catch {
      // The disk has refused: they are not stored, and are delivered again.
      return REFUSED_MS
    }
    this.#next = batch.next
    offsets.set(level, batch.next)
    stats.got(SCHEDULE_TOPIC, SCHEDULE_CONSUMER_GROUP, batch)
    return batch.waitMs
  }

  /** Reads on at `batch.next` and appends what is found to the real queues. Rejects when it cannot be read. */
  async #appendNext(batch: Batch, maxCount: number, commits: Set<Promise<PutStatus>>): Promise<void> {
    const { store } = this.#options
    const found = store.getMessage({
      topic: SCHEDULE_TOPIC,
      queueId: this.#queueId,
      queueOffset: batch.next,
      maxCount,
    })
    const result = found instanceof Promise ? await found : found
    try {
      if (result.nextBeginOffset <= batch.next) batch.waitMs = REFUSED_MS
      else this.#append(result, batch, commits)
    } finally {
      result.release()
    }
  }

  /** Up to the first that the store refuses. */
  #append(result: GetMessageResult, batch: Batch, commits: Set<Promise<PutStatus>>): void {
    const { store, stats, world, level } = this.#options
    const delivered = this.#delivered
    for (const slice of result.records) {
      const buffer = Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength)
      for (const at of recordStarts(buffer)) {
        const problem = delivered.read(buffer, at)
        if (problem !== undefined) {
          const physicalOffset = getLong(buffer, at + PHYSICAL_OFFSET_AT)
          world.log.error({ level, physicalOffset, problem }, 'a delayed message cannot be delivered: it is left out')
          continue
        }
        const { message, queueOffset, physicalOffset } = delivered
        try {
          const appended = store.appendCopy(message)
          // As in Apache its disk is not waited for: the progress is saved only when the message is synced.
          commits.add(store.committed(appended.physicalOffset + appended.sizeBytes, false))
          stats.put(message.topic, 1, appended.sizeBytes)
          batch.messageCount++
          batch.sizeBytes += appended.sizeBytes
        } catch (error) {
          batch.next = queueOffset
          batch.waitMs = this.#refused(error, physicalOffset)
          return
        }
      }
    }
    batch.next = result.nextBeginOffset
  }

  /** The message waits, and all behind it: skipping it would lose it. Returns for how many milliseconds. */
  #refused(error: unknown, physicalOffset: number): number {
    const passing = error instanceof ResponseError && error.status !== 'MESSAGE_ILLEGAL'
    if (passing) return REFUSED_MS
    const { world, level } = this.#options
    world.log.error(
      { error, level, physicalOffset },
      'the store takes a delayed message no more (was maxMessageSize made smaller?): its level waits',
    )
    return FAILED_MS
  }
}
