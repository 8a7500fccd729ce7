import {
  type ConsumeFromWhere,
  FieldError,
  getConsumerListByGroup,
  isRetryTopic,
  type MessageModel,
  ResponseError,
  type SubscriptionData,
  validateGroup,
  validateTopic,
} from '@rocketcluster/protocol'
import { TransportError } from '@rocketcluster/remoting'
import type { Timer, World } from '@rocketcluster/world'
import { allocateAveragely } from './allocate.ts'
import { ClientError } from './client-error.ts'
import { ClientInstance, type ClientOptions } from './client-instance.ts'
import { compareQueues, type MessageQueue, queueKey } from './message-queue.ts'
import { type PullOptions, type PullResult, QueueReader } from './queue-reader.ts'
import type { ReceivedMessage } from './received-message.ts'
import { subscription } from './subscription.ts'

export interface PullConsumerOptions extends Partial<ClientOptions> {
  /** A shared client; else the consumer has its own, made of the other options. */
  readonly client?: ClientInstance
  readonly consumerGroup: string
  /** Topics with what is wanted of them: `*`, or tags joined by `||`. May be empty when only `pull` is used. */
  readonly subscriptions?: Readonly<Record<string, string>>
  /** CLUSTERING shares the queues among the members of the group, BROADCASTING gives all of them to each. */
  readonly messageModel?: Extract<MessageModel, 'CLUSTERING' | 'BROADCASTING'>
  /** Where a group starts that has never committed; CONSUME_FROM_LAST_OFFSET. */
  readonly consumeFromWhere?: Extract<
    ConsumeFromWhere,
    'CONSUME_FROM_LAST_OFFSET' | 'CONSUME_FROM_FIRST_OFFSET' | 'CONSUME_FROM_TIMESTAMP'
  >
  /** For CONSUME_FROM_TIMESTAMP: ms since 1970; half an hour ago. */
  readonly consumeTimestamp?: number
  /** Messages in one answer; 32. */
  readonly pullBatchSize?: number
  /** Messages of one queue that wait to be taken; 1000. */
  readonly pullThresholdForQueue?: number
  /** Bytes of them, as stored; 100 MiB. */
  readonly pullThresholdSizeForQueue?: number
  /** How long a broker holds a pull that finds nothing; 15 s. */
  readonly brokerSuspendMaxTimeMs?: number
  /** Commit what was taken, now and then and at the end; true. */
  readonly autoCommit?: boolean
  /** persistConsumerOffsetInterval; 5 s. */
  readonly autoCommitIntervalMs?: number
  /** 20 s (RebalanceService.java). */
  readonly rebalanceIntervalMs?: number
}

/** pullTimeDelayMillsWhenException, DefaultMQPushConsumerImpl.java */
const DELAY_AFTER_ERROR_MS = 1000
/** The same for a broker that asks for patience. */
const DELAY_AFTER_FLOW_CONTROL_MS = 20
const HALF_AN_HOUR_MS = 30 * 60_000

/** One queue that this consumer reads now. */
class Assigned {
  readonly queue: MessageQueue
  readonly wanted: SubscriptionData
  readonly abort = new AbortController()
  /** Where the next pull begins; undefined until it is known where the group stands. */
  next: number | undefined
  /** Behind the last message that was taken. */
  taken: number | undefined
  /** Messages pulled and not yet taken and done. */
  waiting = 0
  waitingBytes = 0
  committed: number | undefined
  /** Grows with each `seek`: what was pulled before counts no more. */
  generation = 0
  wake: (() => void) | undefined

  constructor(queue: MessageQueue, wanted: SubscriptionData) {
    this.queue = queue
    this.wanted = wanted
  }

  /** What may be committed: all before it has been taken and done. */
  get done(): number | undefined {
    return this.waiting === 0 ? this.next : this.taken
  }
}

interface Buffered {
  readonly from: Assigned
  readonly generation: number
  readonly message: ReceivedMessage
}

/**
 * Reads messages as a member of a consumer group. Taking the next message says that the one before is done:
 *
 *     for await (const message of consumer) await handle(message)
 *
 * Messages come at least once, those of one queue in order. `stop` ends the loop.
 */
export class PullConsumer implements AsyncIterable<ReceivedMessage> {
  readonly consumerGroup: string
  readonly client: ClientInstance
  readonly #world: World
  readonly #options: PullConsumerOptions
  readonly #ownsClient: boolean
  readonly #reader: QueueReader
  readonly #subscriptions = new Map<string, SubscriptionData>()
  readonly #assigned = new Map<string, Assigned>()
  /** Set by `assign`: the group is not asked who gets what. */
  #manual: readonly MessageQueue[] | undefined
  #buffer: Buffered[] = []
  #lastTaken: Buffered | undefined
  readonly #takers = new Set<() => void>()
  #running = false
  #rebalancing: Promise<void> | undefined
  #rebalanceAgain = false
  #timers: Timer[] = []
  #unlisten: (() => void) | undefined

  constructor(world: World, options: PullConsumerOptions) {
    this.#world = world
    this.#options = options
    this.consumerGroup = options.consumerGroup
    validateGroup(options.consumerGroup, 'consumerGroup')
    for (const [topic, expression] of Object.entries(options.subscriptions ?? {})) {
      validateTopic(topic)
      this.#subscriptions.set(topic, subscription(topic, expression, world.clock.now()))
    }
    this.#ownsClient = options.client === undefined
    this.client = options.client ?? new ClientInstance(world, { nameServers: [], ...options })
    this.#reader = new QueueReader(this.client, options.consumerGroup)
  }

  /** Joins the group. Resolves when the first queues are assigned, or it is known that there are none. */
  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    const { client } = this
    const { consumeFromWhere = 'CONSUME_FROM_LAST_OFFSET', messageModel = 'CLUSTERING' } = this.#options
    client.onNotification(this, {
      idsChanged: group => {
        if (group === this.consumerGroup) void this.rebalance()
      },
      reset: (group, offsets) => {
        if (group === this.consumerGroup) for (const [queue, offset] of offsets) this.seek(queue, offset)
      },
    })
    client.join(this, () => ({
      consumer: {
        groupName: this.consumerGroup,
        consumeType: 'CONSUME_ACTIVELY',
        messageModel,
        consumeFromWhere,
        subscriptionDataSet: [...this.#subscriptions.values()],
        unitMode: false,
      },
    }))
    const { clock } = this.#world
    const { rebalanceIntervalMs = 20_000, autoCommit = true, autoCommitIntervalMs = 5000 } = this.#options
    this.#timers.push(clock.setInterval(() => void this.rebalance(), rebalanceIntervalMs))
    if (autoCommit) this.#timers.push(clock.setInterval(() => void this.commit().catch(() => {}), autoCommitIntervalMs))
    for (const topic of this.#subscriptions.keys())
      await client.routes
        .route(topic)
        .catch(error => this.client.log.warn({ topic, error: (error as Error).message }, 'no route yet'))
    // Only a broker that has heard of this member counts it in.
    await client.heartbeat()
    this.#unlisten = client.routes.onChange(topic => {
      if (this.#subscriptions.has(topic)) void this.rebalance()
    })
    await this.rebalance()
  }

  /** Ends the loop, commits what was taken and leaves the group. */
  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#unlisten?.()
    this.client.offNotification(this)
    await this.#rebalancing
    for (const assigned of this.#assigned.values()) this.#halt(assigned)
    this.#wakeTakers()
    if (this.#options.autoCommit ?? true) await this.commit().catch(() => {})
    this.#assigned.clear()
    this.#buffer = []
    await this.client.leave(this)
    if (this.#ownsClient) await this.client.close()
  }

  // ---- reading as a group

  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMessage> {
    for (;;) {
      const message = await this.take()
      if (message === undefined) return
      yield message
    }
  }

  /** The next message; undefined when the consumer has stopped or nothing came within `timeoutMs`. */
  async take({ timeoutMs }: { timeoutMs?: number } = {}): Promise<ReceivedMessage | undefined> {
    this.#finishLast()
    const dueMs = timeoutMs === undefined ? undefined : this.#world.clock.monotonicMs() + timeoutMs
    while (this.#running) {
      for (let next = this.#buffer.shift(); next; next = this.#buffer.shift()) {
        // A queue may have been given to another member, or been told to go on elsewhere.
        if (next.from.abort.signal.aborted || next.generation !== next.from.generation) continue
        this.#lastTaken = next
        return next.message
      }
      const leftMs = dueMs === undefined ? undefined : dueMs - this.#world.clock.monotonicMs()
      if (leftMs !== undefined && leftMs <= 0) return undefined
      await this.#arrival(leftMs)
    }
    return undefined
  }

  #finishLast(): void {
    const last = this.#lastTaken
    this.#lastTaken = undefined
    if (!last || last.generation !== last.from.generation) return
    last.from.taken = last.message.queueOffset + 1
    last.from.waiting--
    last.from.waitingBytes -= last.message.record.storeSize
    last.from.wake?.()
  }

  #arrival(timeoutMs: number | undefined): Promise<void> {
    return new Promise(resolve => {
      const timer = timeoutMs === undefined ? undefined : this.#world.clock.setTimeout(() => wake(), timeoutMs)
      const wake = () => {
        timer?.cancel()
        this.#takers.delete(wake)
        resolve()
      }
      this.#takers.add(wake)
    })
  }

  #wakeTakers(): void {
    for (const wake of [...this.#takers]) wake()
  }

  /** Commits what was taken, on every queue where that has changed. Rejects when a broker could not be told. */
  async commit(): Promise<void> {
    await this.#commit([...this.#assigned.values()])
  }

  async #commit(those: readonly Assigned[]): Promise<void> {
    const outcomes = await Promise.allSettled(
      those.map(async assigned => {
        const { done } = assigned
        if (done === undefined || done === assigned.committed) return
        await this.#reader.commitOffset(assigned.queue, done)
        assigned.committed = done
      }),
    )
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** The queues that this consumer reads now. */
  get assignment(): MessageQueue[] {
    return [...this.#assigned.values()].map(({ queue }) => queue).sort(compareQueues)
  }

  /** Reads exactly these queues from now on, whatever other members do. Their topics need not be subscribed to. */
  async assign(queues: readonly MessageQueue[]): Promise<void> {
    this.#manual = queues
    await this.rebalance()
  }

  /** Goes on at `offset` in a queue that is assigned; what was pulled of it and not taken is dropped. */
  seek(queue: MessageQueue, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new FieldError('offset', `${offset} is not a queue offset`)
    const assigned = this.#assigned.get(queueKey(queue))
    if (!assigned) return
    assigned.generation++
    assigned.waiting = 0
    assigned.waitingBytes = 0
    assigned.next = offset
    assigned.taken = offset
    assigned.wake?.()
  }

  /**
   * Works out anew which queues are this consumer's. Runs by itself; never rejects. Asked for while it runs, it runs once more,
   * for which nobody waits: with an unreachable broker a round takes as long as its time-outs.
   */
  async rebalance(): Promise<void> {
    if (!this.#running) return
    if (this.#rebalancing) {
      this.#rebalanceAgain = true
      return this.#rebalancing
    }
    this.#rebalanceAgain = false
    this.#rebalancing = this.#rebalance().catch(error =>
      this.client.log.warn(
        { group: this.consumerGroup, error: (error as Error).message },
        'rebalance failed; queues stay as they are',
      ),
    )
    await this.#rebalancing
    this.#rebalancing = undefined
    if (this.#rebalanceAgain) void this.rebalance()
  }

  async #rebalance(): Promise<void> {
    const mine = new Map<string, MessageQueue>()
    for (const queue of this.#manual ?? (await this.#share())) mine.set(queueKey(queue), queue)
    const lost = [...this.#assigned].filter(([key]) => !mine.has(key)).map(([, assigned]) => assigned)
    for (const assigned of lost) {
      this.#halt(assigned)
      this.#assigned.delete(queueKey(assigned.queue))
    }
    if (lost.length > 0 && (this.#options.autoCommit ?? true))
      await this.#commit(lost).catch(error =>
        this.client.log.warn(
          { group: this.consumerGroup, error: (error as Error).message },
          'what was taken of queues given up could not be committed',
        ),
      )
    for (const [key, queue] of mine) {
      if (this.#assigned.has(key) || !this.#running) continue
      const assigned = new Assigned(queue, this.#subscriptions.get(queue.topic) ?? subscription(queue.topic, '*', 0))
      this.#assigned.set(key, assigned)
      void this.#read(assigned)
    }
  }

  /** This member's share of all queues of all topics. A topic whose route or members are not known keeps what it has. */
  async #share(): Promise<MessageQueue[]> {
    const mine: MessageQueue[] = []
    for (const topic of this.#subscriptions.keys()) {
      try {
        const { readQueues } = await this.client.routes.route(topic)
        if (this.#options.messageModel === 'BROADCASTING') mine.push(...readQueues)
        else mine.push(...allocateAveragely(readQueues, await this.#members(topic), this.client.clientId))
      } catch (error) {
        this.client.log.warn(
          { topic, group: this.consumerGroup, error: (error as Error).message },
          'the queues of a topic stay as they are',
        )
        for (const { queue } of this.#assigned.values()) if (queue.topic === topic) mine.push(queue)
      }
    }
    return mine
  }

  /** Every broker of the topic hears the heartbeats of all members, so any one can tell. */
  async #members(topic: string): Promise<string[]> {
    const { routes, remoting, timeoutMs } = this.client
    const { data } = await routes.route(topic)
    let failure: unknown = new ClientError('NO_BROKER', `topic ${topic} has no broker`)
    for (const { brokerName } of data.brokerDatas) {
      const address = routes.brokerAddress(brokerName, 0, false)
      if (address === undefined) continue
      try {
        const { body } = await remoting.invoke(
          address,
          getConsumerListByGroup,
          { consumerGroup: this.consumerGroup },
          { timeoutMs },
        )
        return [...(body?.consumerIdList ?? [])].sort()
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  #halt(assigned: Assigned): void {
    assigned.abort.abort()
    assigned.wake?.()
    this.#reader.forget(assigned.queue)
  }

  // ---- the loop of one queue

  async #read(assigned: Assigned): Promise<void> {
    const { signal } = assigned.abort
    let failed = false
    while (!signal.aborted) {
      try {
        assigned.next ??= await this.#startingPoint(assigned.queue)
        await this.#pullInto(assigned)
        if (failed) void this.client.heartbeat() // the broker may have come back without knowing us
        failed = false
      } catch (error) {
        if (signal.aborted) return
        failed = true
        await this.#backOff(assigned, error)
      }
    }
  }

  async #pullInto(assigned: Assigned): Promise<void> {
    const { pullBatchSize = 32, brokerSuspendMaxTimeMs = 15_000 } = this.#options
    const { pullThresholdForQueue = 1000, pullThresholdSizeForQueue = 100 * 1024 * 1024 } = this.#options
    const { signal } = assigned.abort
    const isFull = () => assigned.waiting >= pullThresholdForQueue || assigned.waitingBytes >= pullThresholdSizeForQueue
    while (isFull() && !signal.aborted)
      await new Promise<void>(resolve => {
        assigned.wake = resolve
      })
    if (signal.aborted) return
    const { generation } = assigned
    const result = await this.#reader.pullSubscribed(assigned.queue, assigned.wanted, {
      offset: assigned.next!,
      maxMsgNums: pullBatchSize,
      suspendMs: brokerSuspendMaxTimeMs,
      signal,
    })
    if (signal.aborted || generation !== assigned.generation) return
    // Until its first message is taken, nothing of this answer is done.
    if (assigned.waiting === 0) assigned.taken = assigned.next
    assigned.next = result.nextBeginOffset
    if (result.pullStatus === 'OFFSET_ILLEGAL') {
      this.client.log.warn(
        { ...assigned.queue, next: result.nextBeginOffset },
        'the offset is not in the queue any more: going on elsewhere',
      )
      if (assigned.waiting === 0) assigned.taken = result.nextBeginOffset
    }
    if (result.messages.length === 0) return
    assigned.waiting += result.messages.length
    for (const message of result.messages) {
      assigned.waitingBytes += message.record.storeSize
      this.#buffer.push({ from: assigned, generation, message })
    }
    this.#wakeTakers()
  }

  async #startingPoint(queue: MessageQueue): Promise<number> {
    const committed =
      this.#options.messageModel === 'BROADCASTING' ? undefined : await this.#reader.committedOffset(queue)
    if (committed !== undefined && committed >= 0) return committed
    const { consumeFromWhere, consumeTimestamp = this.#world.clock.now() - HALF_AN_HOUR_MS } = this.#options
    if (consumeFromWhere === 'CONSUME_FROM_FIRST_OFFSET' || isRetryTopic(queue.topic))
      return this.#reader.minOffset(queue)
    if (consumeFromWhere === 'CONSUME_FROM_TIMESTAMP') return this.#reader.searchOffset(queue, consumeTimestamp)
    return this.#reader.maxOffset(queue)
  }

  async #backOff({ queue, abort }: Assigned, error: unknown): Promise<void> {
    const busy = error instanceof ResponseError && (error.status === 'SYSTEM_BUSY' || error.status === 'FLOW_CONTROL')
    if (!busy) this.client.log.warn({ ...queue, error: (error as Error).message }, 'pull failed')
    if (error instanceof TransportError || error instanceof ClientError) {
      this.#reader.forget(queue)
      await this.client.routes.route(queue.topic, { fresh: true }).catch(() => {})
    }
    await this.#world.clock
      .sleep(busy ? DELAY_AFTER_FLOW_CONTROL_MS : DELAY_AFTER_ERROR_MS, abort.signal)
      .catch(() => {})
  }

  // ---- reading one queue by hand

  /** The queues of a topic that can be read. */
  async fetchQueues(topic: string): Promise<readonly MessageQueue[]> {
    return (await this.client.routes.route(topic)).readQueues
  }

  /** Pulls once. Needs no `start`. */
  pull(queue: MessageQueue, options: PullOptions): Promise<PullResult> {
    return this.#reader.pull(queue, options)
  }

  minOffset(queue: MessageQueue): Promise<number> {
    return this.#reader.minOffset(queue)
  }

  /** The offset that the queue will give to its next message. */
  maxOffset(queue: MessageQueue): Promise<number> {
    return this.#reader.maxOffset(queue)
  }

  /** Of the first message stored at or after `timestamp` (ms since 1970). */
  searchOffset(queue: MessageQueue, timestamp: number): Promise<number> {
    return this.#reader.searchOffset(queue, timestamp)
  }

  /** Where the group stands; undefined when it has never committed. */
  committedOffset(queue: MessageQueue): Promise<number | undefined> {
    return this.#reader.committedOffset(queue)
  }

  commitOffset(queue: MessageQueue, offset: number): Promise<void> {
    return this.#reader.commitOffset(queue, offset)
  }
}
