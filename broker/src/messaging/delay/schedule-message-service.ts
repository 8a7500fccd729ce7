import { SCHEDULE_TOPIC } from '@rocketcluster/protocol'
import type { Timer, World } from '@rocketcluster/world'
import type { BackgroundService } from '../../background-service.ts'
import type { BrokerStats } from '../../stats.ts'
import type { Store } from '../../store/store.ts'
import type { Redirect } from '../puts.ts'
import { delayRedirect, levelOfQueue, queueOfLevel } from './delay-level.ts'
import { DelayOffsets } from './delay-offsets.ts'
import { LevelDelivery } from './level-delivery.ts'

export interface ScheduleOptions {
  readonly world: World
  readonly store: Store
  readonly stats: BrokerStats
  /** `<storePathRootDir>/config` */
  readonly directory: string
  /** Live: read at every use. */
  readonly config: {
    /** Milliseconds of level 1, 2, …. */
    readonly messageDelayLevel: readonly number[]
    /** Milliseconds between two looks whether the progress can be saved. */
    readonly flushDelayOffsetInterval: number
  }
}

/** Delayed messages by level (ScheduleMessageService.java): keeps them in SCHEDULE_TOPIC_XXXX until they are due. */
export class ScheduleMessageService implements BackgroundService {
  /** What Puts applies to every message that comes. */
  readonly redirect: Redirect
  readonly #options: ScheduleOptions
  readonly #offsets: DelayOffsets
  readonly #levels = new Map<number, LevelDelivery>()
  /** Levels to which something was appended that is not readable yet. */
  readonly #expected = new Set<number>()
  #running = false
  #timer: Timer | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#offsets = new DelayOffsets(options.world, options.store, options.directory)
    this.redirect = delayRedirect(
      () => options.config.messageDelayLevel,
      level => this.#expected.add(level),
    )
  }

  async start(): Promise<void> {
    if (this.#running) return
    const { store, world, config } = this.#options
    await this.#offsets.load()
    this.#running = true
    for (const { topic, queueIds } of store.topics()) {
      if (topic !== SCHEDULE_TOPIC) continue
      // Also of levels that the configuration has no more: their messages are due all the same.
      for (const queueId of queueIds) this.#level(levelOfQueue(queueId)).wake()
    }
    this.#timer = world.clock.setInterval(() => this.#save(), config.flushDelayOffsetInterval)
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    this.#timer?.cancel()
    await Promise.all([...this.#levels.values()].map(level => level.stop()))
    this.#levels.clear()
    await this.#saving
    await this.#offsets.save()
  }

  /** Messages have become readable. Costs nothing while none of them was delayed. */
  arrived(): void {
    if (this.#expected.size === 0 || !this.#running) return
    for (const level of this.#expected) this.#level(level).wake()
    // Whatever was appended is readable: who finds nothing now has nothing to wait for.
    if (this.#options.store.dispatchBehindBytes === 0) this.#expected.clear()
  }

  /** Physical offset from which on the commit log is needed: of the oldest message that waits. 0 before the start. Rejects with DiskError. */
  async neededFrom(): Promise<number> {
    if (!this.#running) return 0
    return Math.min(...(await Promise.all([...this.#levels.values()].map(level => level.neededFrom()))))
  }

  #level(level: number): LevelDelivery {
    let delivery = this.#levels.get(level)
    if (!delivery) {
      const { config, world, store, stats } = this.#options
      const delayMs = () => config.messageDelayLevel[level - 1]
      delivery = new LevelDelivery({ level, world, store, stats, offsets: this.#offsets, delayMs })
      this.#levels.set(level, delivery)
    }
    return delivery
  }

  #save(): void {
    this.#saving = this.#offsets
      .saveSynced()
      .catch(error =>
        this.#options.world.log.error({ error }, 'the progress of the delay levels cannot be saved; trying again'),
      )
  }

  /** By level: how far it is delivered, and how far its queue goes (ScheduleMessageService.java#buildRunningStats). */
  *progress(): Generator<{ level: number; delivered: number; max: number }> {
    for (const [level, delivered] of this.#offsets.entries())
      yield { level, delivered, max: this.#options.store.maxOffset(SCHEDULE_TOPIC, queueOfLevel(level)) }
  }

  /** As GET_ALL_DELAY_OFFSET answers. */
  snapshot() {
    return this.#offsets.snapshot()
  }
}
