import type { BrokerConfig } from '@rocketcluster/config'
import { isSystemGroup, ResponseError } from '@rocketcluster/protocol'
import type { Timer, World } from '@rocketcluster/world'
import type { Arrivals } from '../../arrivals.ts'
import type { BackgroundService } from '../../background-service.ts'
import type { ConsumerOffsets } from '../../metadata/consumer-offsets.ts'
import type { SubscriptionGroups } from '../../metadata/subscription-groups.ts'
import type { Topics } from '../../metadata/topics.ts'
import type { Store } from '../../store/store.ts'
import type { DeadLetters } from '../retry/dead-letters.ts'
import { SLOT_MS } from './due-points.ts'
import { HeldPops } from './held-pops.ts'
import { OrderInfos } from './order-infos.ts'
import { PopLedger } from './pop-ledger.ts'
import { PopStats } from './pop-stats.ts'
import { Reviver } from './reviver.ts'

const EXPIRE_HELD_MS = 50
const KEEP_HOUSE_MS = 1000
const CLEAN_MS = 30_000

export interface PopsParts {
  readonly world: World
  /** Live. */
  readonly config: BrokerConfig
  readonly store: Store
  readonly topics: Topics
  readonly groups: SubscriptionGroups
  readonly offsets: ConsumerOffsets
  readonly arrivals: Arrivals
  readonly deadLetters: DeadLetters
  /** `<storePathRootDir>/config` */
  readonly directory: string
}

/** Pop consumption: what is invisible to whom and until when, who waits, and what comes back. */
export class Pops implements BackgroundService {
  readonly stats = new PopStats()
  readonly held: HeldPops
  /** NOTIFICATIONs that wait. */
  readonly heldNotifications: HeldPops
  readonly orders: OrderInfos
  readonly ledger: PopLedger
  readonly #reviver: Reviver
  readonly #parts: PopsParts
  #timers: Timer[] = []
  #state: 'stopped' | 'starting' | 'running' = 'stopped'
  #starting: Promise<void> | undefined
  #stopping = false
  #whenStarted: (() => void)[] = []

  private constructor(parts: PopsParts, orders: OrderInfos) {
    this.#parts = parts
    this.orders = orders
    const { world, config, store, topics, groups, offsets, arrivals, deadLetters } = parts
    this.held = new HeldPops(config)
    this.heldNotifications = new HeldPops(config)
    const exists = (topic: string, group: string) => this.#exists(topic, group)
    this.ledger = new PopLedger({
      config,
      store,
      offsets,
      clock: world.clock,
      log: world.log,
      stats: this.stats,
      exists,
    })
    this.#reviver = new Reviver({
      config,
      store,
      topics,
      groups,
      offsets,
      ledger: this.ledger,
      deadLetters,
      stats: this.stats,
      log: world.log,
    })
    this.ledger.onExpired = point => this.#reviver.revive(point)
    arrivals.add(arrived => {
      if (this.#state !== 'stopped') this.ledger.arrived(arrived)
      this.held.arrived(arrived)
      this.heldNotifications.arrived(arrived)
    })
  }

  /** Reads the ordered pops. Throws when they cannot be read. */
  static async load(parts: PopsParts): Promise<Pops> {
    stayWithin(parts)
    return new Pops(parts, await OrderInfos.load(parts.world, parts.directory, parts.world.log))
  }

  #exists(topic: string, group: string): boolean {
    const { topics, groups, config } = this.#parts
    return topics.get(topic) !== undefined && (groups.get(group) !== undefined || config.autoCreateSubscriptionGroup)
  }

  /**
   * Resolves when pops can be served: undefined when they can be at once. Throws SERVICE_NOT_AVAILABLE on a broker that
   * does not serve them.
   */
  ready(): Promise<void> | undefined {
    if (this.#state === 'running') return undefined
    if (this.#state === 'starting') return this.#starting
    if (this.#stopping)
      throw new ResponseError('SERVICE_NOT_AVAILABLE', 'this broker does not serve pop consumption now: it is stopping')
    return new Promise(resolve => this.#whenStarted.push(resolve))
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().catch(error => {
      // The next start is a new attempt.
      this.#starting = undefined
      this.#state = 'stopped'
      throw error
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    this.#stopping = false
    this.#state = 'starting'
    this.ledger.clear()
    await this.ledger.recover()
    this.#reviver.start()
    const { clock, log } = this.#parts.world
    this.#state = 'running'
    this.#timers = [
      clock.setInterval(() => this.#expireHeld(), EXPIRE_HELD_MS),
      clock.setInterval(() => this.#tick(), SLOT_MS),
      clock.setInterval(() => this.ledger.keepHouse(), KEEP_HOUSE_MS),
      clock.setInterval(() => this.#clean(), CLEAN_MS),
      clock.setInterval(() => {
        this.orders.flush().catch(error => log.error({ error }, 'ordered pops cannot be saved; trying again'))
      }, this.#parts.config.flushConsumerOffsetInterval),
    ]
    for (const wake of this.#whenStarted.splice(0)) wake()
  }

  #expireHeld(): void {
    const nowMs = this.#parts.world.clock.monotonicMs()
    this.held.expire(nowMs)
    this.heldNotifications.expire(nowMs)
  }

  #tick(): void {
    const { clock } = this.#parts.world
    const startedMs = clock.monotonicMs()
    this.ledger.tick()
    for (const { topic, group, queueId } of this.orders.takeFreed()) this.notify(topic, group, queueId)
    this.stats.scanTime.observe(clock.monotonicMs() - startedMs)
  }

  #clean(): void {
    const { topics } = this.#parts
    const exists = (topic: string, group: string) => this.#exists(topic, group)
    this.orders.clean(exists, topic => topics.get(topic)?.readQueueNums ?? 0)
    this.stats.forget((topic, group) => !exists(topic, group))
  }

  /** There may be something for the group in this queue. */
  notify(topic: string, group: string, queueId: number): void {
    this.held.notify(topic, group, queueId)
    this.heldNotifications.notify(topic, group, queueId)
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    if (this.#state !== 'running') return
    this.#stopping = true
    this.#state = 'stopped'
    this.#starting = undefined
    for (const timer of this.#timers) timer.cancel()
    await this.#reviver.stop()
    await this.ledger.leaveMemory()
    // One that is under way may have begun before the last of it was written.
    const { store } = this.#parts
    for (let i = 0; i < 3 && store.finalOffset < store.maxPhysicalOffset; i++) await store.flush().catch(() => {})
    // The offsets are saved after this, with what the ledger says of them now.
    this.ledger.tick()
    this.ledger.keepHouse()
    this.ledger.keepHouse()
    await this.orders.flush()
  }

  /** Ends the waits of a connection that is gone. */
  connectionClosed(connectionId: number): void {
    this.held.connectionClosed(connectionId)
    this.heldNotifications.connectionClosed(connectionId)
  }

  /** Nobody waits any more: the broker stops. */
  close(): void {
    this.held.close()
    this.heldNotifications.close()
  }
}

/**
 * With ASYNC_FLUSH a power cut may take the end of a queue and leave offsets saved that lie behind it. Whoever went on there
 * would skip what is sent next, so before anything is sent each group goes back to where its queue ends.
 */
function stayWithin({ offsets, store, world }: PopsParts): void {
  for (const [topic, group, queues] of offsets.entries())
    for (const [queueId, queueOffset] of queues) {
      const max = store.nextOffset(topic, queueId)
      if (queueOffset <= max || isSystemGroup(group)) continue
      world.log.warn({ topic, group, queueId, queueOffset, max }, 'a group had come further than its queue goes now')
      offsets.commit(group, topic, queueId, max)
    }
}
