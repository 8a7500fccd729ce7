/**
 * The cure for a backlog that operators know: a temporary topic with many queues, the backlog moved there, more consumers on
 * it. Everything a relief has to remember lies in the cluster, as offsets and settings of two groups named after it, so that
 * any command line anywhere can go on with it. See docs/backlog.md.
 */
import {
  type Admin,
  type ClientInstance,
  compareQueues,
  type MessageQueue,
  Producer,
  PullConsumer,
  queueKey,
  type ReceivedMessage,
} from '@rocketcluster/client'
import {
  isRetryTopic,
  isSystemTopic,
  property,
  retryTopic,
  type SubscriptionGroupConfig,
} from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { CommandError } from '../command.ts'
import { batches, orderKey, queueOf } from './moving.ts'
import { type ReliefNames, reliefNames } from './relief-names.ts'

/** How a relief was asked for; kept in the settings of its plan group. */
export interface Plan {
  /** Queues of the temporary topic on each broker. */
  readonly queuesPerBroker: number
  /** The property whose value keeps messages in order; undefined when no order is kept. */
  readonly keyProperty: string | undefined
  /** Whether the group was switched on before: then it is at the end. */
  readonly wasEnabled: boolean
  /** All is moved: whatever the mover's offsets say. They may be some seconds old after a power cut. */
  readonly isMoved: boolean
  /** All is moved and consumed, and its removal has begun. */
  readonly isFinishing: boolean
  /** Behind the last offset to be moved, by `brokerName:queueId`. */
  readonly ends: ReadonlyMap<string, number>
}

export interface Begin {
  /** Of the temporary topic, over all brokers. */
  readonly queues: number
  readonly keyProperty: string | undefined
  /** Switch the group off although consumers are connected. */
  readonly pause: boolean
}

/** How far one queue is. */
export interface QueueProgress {
  readonly queue: MessageQueue
  /** The next offset to be moved. */
  readonly position: number
  /** Behind the last offset to be moved. */
  readonly end: number
}

export interface Progress {
  readonly plan: Plan
  readonly queues: readonly QueueProgress[]
  /** Messages still to be moved. */
  readonly left: number
}

export type Phase = 'none' | 'unfinished-start' | 'moving' | 'draining' | 'drained' | 'finishing'

export interface ReliefStatus extends ReliefNames {
  readonly phase: Phase
  readonly left: number
  /** Messages in the temporary topic, and how many of them its group has not consumed; with those that it is to be given again. */
  readonly moved: number
  readonly undrained: number
  readonly keyProperty: string | undefined
  /** Whether the original group may consume, and whether it goes on behind what was moved. */
  readonly groupEnabled: boolean
  readonly consumers: number
}

/** Java clients commit every 5 s: who has not in so long has nothing in work, or is stuck in it. */
const SETTLED_MS = 11_000
const SETTLE_PATIENCE_MS = 60_000
const LOOK_MS = 1000
const PULL_MESSAGES = 256
const RETRY_FIRST_MS = 200
const RETRY_MOST_MS = 5000
/** How often the mover looks whether somebody has switched the group on meanwhile. */
const GUARD_MS = 5000
/** A mover that was killed is forgotten with its connection; one whose machine has gone, after two minutes. */
const OTHER_MOVER_MS = 5000

export interface MoveOptions {
  /** Messages per second, at most. */
  readonly rate: number | undefined
  /** Moves although another mover seems to be at work. */
  readonly takeOver: boolean
  readonly stop: AbortSignal
  /** Called about once a second and at the end; `problem` is what the last try failed on. */
  onProgress(progress: { readonly moved: number; readonly left: number; readonly problem: string | undefined }): void
}

export class Relief {
  readonly topic: string
  readonly group: string
  readonly names: ReliefNames
  readonly #world: World
  readonly #client: ClientInstance
  readonly #admin: Admin
  readonly #mover: PullConsumer
  readonly #original: PullConsumer

  /** Throws CommandError for a topic that cannot be relieved, FieldError for names that are too long together. */
  constructor(world: World, { client, admin }: { client: ClientInstance; admin: Admin }, topic: string, group: string) {
    if (isRetryTopic(topic) || isSystemTopic(topic))
      throw new CommandError(`${topic} is one of RocketMQ's own topics: its backlog cannot be moved`)
    this.topic = topic
    this.group = group
    this.names = reliefNames(topic, group)
    this.#world = world
    this.#client = client
    this.#admin = admin
    this.#mover = new PullConsumer(world, { client, consumerGroup: this.names.moverGroup })
    this.#original = new PullConsumer(world, { client, consumerGroup: group })
  }

  // ---- what there is

  async status(): Promise<ReliefStatus> {
    const [plan, isThere] = await Promise.all([this.#plan(), this.#temporaryTopicExists()])
    const groupEnabled = await this.#isEnabled()
    const nothing = { ...this.names, left: 0, moved: 0, undrained: 0, keyProperty: plan?.keyProperty, groupEnabled }
    if (plan?.isFinishing) return { ...nothing, phase: 'finishing', consumers: 0 }
    if (!isThere) return { ...nothing, phase: plan ? 'unfinished-start' : 'none', consumers: 0 }
    const { temporaryTopic } = this.names
    const [left, stats, undrained, consumers] = await Promise.all([
      plan ? this.#progress(plan).then(progress => progress.left) : 0,
      this.#admin.topicStats(temporaryTopic),
      this.#undrained(),
      this.#membersOf(temporaryTopic),
    ])
    const moved = stats.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0)
    const phase = left > 0 ? 'moving' : undrained > 0 ? 'draining' : 'drained'
    return { ...nothing, phase, left, moved, undrained, consumers: consumers.length }
  }

  /** Not consumed by the relief's group: in the temporary topic, and what it failed on and will be given again. */
  async #undrained(): Promise<number> {
    const { temporaryTopic } = this.names
    const lagIn = async (topic: string) => {
      const { offsets } = await this.#admin.consumeStats(temporaryTopic, topic)
      const committed = new Map(offsets.map(row => [queueKey(row.messageQueue), row.consumerOffset]))
      const stats = await this.#admin.topicStats(topic)
      return stats.reduce((sum, { messageQueue, minOffset, maxOffset }) => {
        const consumed = Math.max(minOffset, committed.get(queueKey(messageQueue)) ?? 0)
        return sum + Math.max(0, maxOffset - consumed)
      }, 0)
    }
    const again = retryTopic(temporaryTopic)
    const topics = await this.#admin.topicList()
    return (await lagIn(temporaryTopic)) + (topics.includes(again) ? await lagIn(again) : 0)
  }

  async #temporaryTopicExists(): Promise<boolean> {
    return (await this.#admin.topicList()).includes(this.names.temporaryTopic)
  }

  /** Masters of the topic's brokers, in the order of their names. */
  async #brokers(): Promise<{ brokerName: string; address: string }[]> {
    const { brokerDatas } = await this.#admin.topicRoute(this.topic)
    return brokerDatas
      .map(({ brokerName, brokerAddrs }) => {
        const address = brokerAddrs.get(0)
        if (address === undefined)
          throw new CommandError(`broker ${brokerName} has no master now: its part of ${this.topic} cannot be moved`)
        return { brokerName, address }
      })
      .sort((a, b) => (a.brokerName < b.brokerName ? -1 : 1))
  }

  /** The furthest that any broker knows: who kept it may have died between two of them. */
  async #plan(): Promise<Plan | undefined> {
    let furthest: Plan | undefined
    for (const { address } of await this.#brokers()) {
      const config = (await this.#admin.subscriptionGroups(address)).get(this.names.planGroup)
      const kept = config?.subscriptionDataSet?.find(({ expressionType }) => PLANS.has(expressionType ?? ''))
      if (config && kept) {
        const plan: Plan = {
          queuesPerBroker: kept.version,
          keyProperty: kept.expression === NO_ORDER ? undefined : kept.expression,
          wasEnabled: config.consumeEnable,
          isMoved: kept.expressionType !== PLAN,
          isFinishing: kept.expressionType === PLAN_DONE,
          ends: new Map(
            config.subscriptionDataSet!.flatMap(({ expressionType, expression, version }) =>
              expressionType === END && expression !== undefined ? [[expression, version]] : [],
            ),
          ),
        }
        if (furthest === undefined || stepOf(plan) > stepOf(furthest)) furthest = plan
      }
    }
    return furthest
  }

  /** The queues of the topic, of all its brokers. */
  async #queues(): Promise<readonly MessageQueue[]> {
    const queues = await this.#mover.fetchQueues(this.topic)
    return queues.toSorted(compareQueues)
  }

  /** Throws CommandError when a queue of the plan is not there: what is left could not be told, nor a key's queue be found. */
  async #progress(plan: Plan): Promise<Progress> {
    const present = await this.#queues()
    const known = new Set(present.map(placeOf))
    const missing = [...plan.ends.keys()].filter(place => !known.has(place))
    if (missing.length > 0)
      throw new CommandError(
        `queues ${missing.join(', ')} of ${this.topic} are not there now: their broker is away; try again when it is back`,
      )
    const queues = await Promise.all(
      // A queue that was not there at the beginning stays with the group.
      present
        .filter(queue => plan.ends.has(placeOf(queue)))
        .map(async (queue): Promise<QueueProgress> => {
          const [min, moved] = await Promise.all([this.#mover.minOffset(queue), this.#mover.committedOffset(queue)])
          const end = plan.ends.get(placeOf(queue))!
          if (plan.isMoved) return { queue, position: end, end }
          // A broker that lost its last seconds may have lost the offset: then the group itself says where to begin. That moves
          // some messages twice, and leaves none behind.
          const position = Math.max(min, moved ?? (await this.#original.committedOffset(queue)) ?? min)
          return { queue, position, end: Math.max(position, end) }
        }),
    )
    return { plan, queues, left: queues.reduce((sum, { position, end }) => sum + end - position, 0) }
  }

  // ---- who consumes

  async #membersOf(group: string): Promise<string[]> {
    const ids = await Promise.all(
      (await this.#brokers()).map(async ({ address }) => {
        try {
          const { connectionSet } = await this.#admin.consumerConnections(group, address)
          return [...connectionSet].flatMap(({ clientId }) => clientId ?? [])
        } catch (error) {
          if ((error as { status?: string }).status === 'CONSUMER_NOT_ONLINE') return []
          throw error
        }
      }),
    )
    return [...new Set(ids.flat())]
  }

  async #isEnabled(): Promise<boolean> {
    const brokers = await this.#brokers()
    const configs = await Promise.all(brokers.map(({ address }) => this.#admin.subscriptionGroups(address)))
    return configs.some(groups => groups.get(this.group)?.consumeEnable ?? true)
  }

  /** On every broker, with all its other settings as they are there. */
  async #enable(consumeEnable: boolean): Promise<void> {
    for (const { address } of await this.#brokers()) {
      const config = (await this.#admin.subscriptionGroups(address)).get(this.group)
      if (config?.consumeEnable === consumeEnable) continue
      await this.#admin.createSubscriptionGroup(
        { ...config, groupName: this.group, consumeEnable },
        { brokerAddress: address },
      )
    }
  }

  // ---- the beginning

  /**
   * Everything up to the first message: plan, pause, offsets, temporary topic. Does nothing when that has been done. The topic
   * comes last: while it is missing a second try begins anew. Throws CommandError when it must not begin.
   */
  async begin(begin: Begin): Promise<Plan> {
    const earlier = await this.#plan()
    if (earlier?.isFinishing)
      throw new CommandError('the relief before this one is not removed whole: run the command with --finish first')
    if (earlier && (await this.#temporaryTopicExists())) {
      if (begin.keyProperty !== undefined && earlier.keyProperty !== begin.keyProperty)
        throw new CommandError(
          `this relief was begun ${earlier.keyProperty === undefined ? 'without keeping an order' : `with --keep-order-by-key by property ${earlier.keyProperty}`} and can only go on so`,
        )
      // It may have been made on some brokers only.
      if (!earlier.isMoved) await this.#makeTemporaryTopic(earlier)
      return earlier
    }
    const brokers = await this.#brokers()
    const queues = await this.#queues()
    if (begin.queues <= queues.length)
      throw new CommandError(
        `${this.topic} has ${queues.length} queues: with ${begin.queues} its backlog would go no faster; take several times as many`,
      )
    const members = await this.#membersOf(this.group)
    if (members.length > 0 && !begin.pause)
      throw new CommandError(
        `${members.length} consumers of ${this.group} are connected (${members.slice(0, 3).join(', ')}${members.length > 3 ? ', …' : ''}): stop them, or add --pause to switch the group off on all its topics until its backlog is moved`,
      )
    const plan: Plan = {
      queuesPerBroker: Math.ceil(begin.queues / brokers.length),
      keyProperty: begin.keyProperty,
      // An earlier try may have switched it off.
      wasEnabled: earlier?.wasEnabled ?? (await this.#isEnabled()),
      isMoved: false,
      isFinishing: false,
      ends: new Map(),
    }
    await this.#keep(plan)
    await this.#makeGroups()
    // Also with nobody connected: somebody or something may start consumers in the middle of it.
    await this.#enable(false)
    if (members.length > 0) await this.#settle(queues)
    const ends = new Map<string, number>()
    for (const queue of queues) {
      const [min, max, committed] = await Promise.all([
        this.#mover.minOffset(queue),
        this.#mover.maxOffset(queue),
        this.#original.committedOffset(queue),
      ])
      const start = Math.min(max, Math.max(min, committed ?? min))
      await this.#mover.commitOffset(queue, start)
      ends.set(placeOf(queue), max)
    }
    const whole = { ...plan, ends }
    // Settings are on disk when a broker answers; offsets only seconds later.
    await this.#keep(whole)
    await this.#makeTemporaryTopic(whole)
    return whole
  }

  async #keep(plan: Plan): Promise<void> {
    const kept = {
      topic: this.topic,
      expressionType: plan.isFinishing ? PLAN_DONE : plan.isMoved ? PLAN_MOVED : PLAN,
      expression: plan.keyProperty ?? NO_ORDER,
      version: plan.queuesPerBroker,
    }
    const ends = [...plan.ends].map(([expression, version]) => ({
      topic: this.topic,
      expressionType: END,
      expression,
      version,
    }))
    const config = {
      groupName: this.names.planGroup,
      consumeEnable: plan.wasEnabled,
      subscriptionDataSet: [kept, ...ends],
    }
    for (const { address } of await this.#brokers())
      await this.#admin.createSubscriptionGroup(config, { brokerAddress: address })
  }

  async #makeGroups(): Promise<void> {
    const { moverGroup, temporaryTopic } = this.names
    for (const { address } of await this.#brokers()) {
      const where = { brokerAddress: address }
      await this.#admin.createSubscriptionGroup({ groupName: moverGroup }, where)
      // Consumers of the temporary topic get what those of the topic get: retries, order, time-outs.
      const groups = await this.#admin.subscriptionGroups(address)
      const like: Partial<SubscriptionGroupConfig> = groups.get(this.group) ?? {}
      await this.#admin.createSubscriptionGroup(
        { ...like, groupName: temporaryTopic, consumeEnable: true, subscriptionDataSet: undefined },
        where,
      )
    }
  }

  /** Waits until members that were connected have committed what they had in work; what comes later is delivered twice. */
  async #settle(queues: readonly MessageQueue[]): Promise<void> {
    const { clock } = this.#world
    const patienceEndMs = clock.monotonicMs() + SETTLE_PATIENCE_MS
    const look = async () =>
      (await Promise.all(queues.map(queue => this.#original.committedOffset(queue)))).map(String).join()
    let seen = await look()
    let sinceMs = clock.monotonicMs()
    while (clock.monotonicMs() < patienceEndMs && clock.monotonicMs() - sinceMs < SETTLED_MS) {
      await clock.sleep(LOOK_MS)
      const now = await look()
      if (now === seen) continue
      seen = now
      sinceMs = clock.monotonicMs()
    }
  }

  async #makeTemporaryTopic(plan: Plan): Promise<void> {
    const { temporaryTopic } = this.names
    const { queuesPerBroker } = plan
    for (const { address } of await this.#brokers())
      await this.#admin.createTopic(temporaryTopic, {
        readQueueNums: queuesPerBroker,
        writeQueueNums: queuesPerBroker,
        brokerAddress: address,
      })
    await this.#admin.awaitTopic(temporaryTopic)
    const brokers = await this.#brokers()
    const { clock } = this.#world
    for (let waitedMs = 0; (await this.#targets(plan, brokers)) === undefined; waitedMs += LOOK_MS) {
      if (waitedMs > 30_000)
        throw new CommandError(`${temporaryTopic} is not known on all brokers after 30 s; try again`)
      await clock.sleep(LOOK_MS)
    }
  }

  /** All queues of the temporary topic, always in the same order; undefined while some are not known. */
  async #targets(plan: Plan, brokers: readonly { brokerName: string }[]): Promise<readonly MessageQueue[] | undefined> {
    const { temporaryTopic } = this.names
    const { writeQueues } = await this.#client.routes.route(temporaryTopic, { fresh: true })
    return writeQueues.length === plan.queuesPerBroker * brokers.length
      ? writeQueues.toSorted(compareQueues)
      : undefined
  }

  // ---- the work

  /**
   * Moves what is left and resolves with true, or with false when it was stopped; then it can be called again, here or
   * elsewhere. What a mover had sent and not yet committed when it was killed is moved again. Throws CommandError when another
   * mover is at work, or the group was switched on meanwhile.
   */
  async move(plan: Plan, options: MoveOptions): Promise<boolean> {
    const { clock } = this.#world
    if (plan.isMoved) {
      // Whoever moved the last of it may have died before every broker knew.
      await this.#keep(plan)
      return true
    }
    if (!options.takeOver) await this.#awaitNoOther()
    const brokers = await this.#brokers()
    const targets = await this.#targets(plan, brokers)
    // Another number of queues is another queue for most keys.
    if (!targets)
      throw new CommandError(
        `${this.names.temporaryTopic} does not have all its queues now: a broker is away, or it was changed by hand`,
      )
    const producer = new Producer(this.#world, { client: this.#client, producerGroup: this.names.moverGroup })
    await producer.start()
    const consumer = {
      groupName: this.names.moverGroup,
      consumeType: 'CONSUME_ACTIVELY' as const,
      messageModel: 'CLUSTERING' as const,
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' as const,
      subscriptionDataSet: [],
      unitMode: false,
    }
    this.#client.join(this, () => ({ consumer }))
    await this.#client.heartbeat()
    const halt = new AbortController()
    const signal = AbortSignal.any([options.stop, halt.signal])
    const run = new Run({ targets, plan, rate: options.rate, signal, producer })
    const { queues, left } = await this.#progress(plan)
    run.left = left
    let broken: unknown
    const report = () => options.onProgress({ moved: run.moved, left: run.left, problem: run.problem })
    const timers = [
      clock.setInterval(report, LOOK_MS),
      clock.setInterval(() => {
        this.#isEnabled().then(
          enabled => {
            if (!enabled) return
            broken = new CommandError(
              `somebody has switched ${this.group} on: two would consume the same messages; switch it off again (run this command again) or give up with --stop-here`,
            )
            halt.abort()
          },
          () => {},
        )
      }, GUARD_MS),
    ]
    try {
      await Promise.all(
        queues.map(progress =>
          this.#moveQueue(progress, run).catch(error => {
            broken ??= error
            halt.abort()
          }),
        ),
      )
    } finally {
      for (const timer of timers) timer.cancel()
      await this.#client.leave(this).catch(() => {})
      await producer.stop()
    }
    report()
    if (broken) throw broken
    if (run.left > 0) return false
    const whole = await this.#plan()
    if (whole) await this.#keep({ ...whole, isMoved: true })
    return true
  }

  async #awaitNoOther(): Promise<void> {
    const { clock } = this.#world
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      const others = await this.#membersOf(this.names.moverGroup)
      if (others.length === 0) return
      if (waitedMs >= OTHER_MOVER_MS)
        throw new CommandError(
          `another mover is at work (${others.join(', ')}): two would move everything twice; if you know that it is gone, add --take-over`,
        )
      await clock.sleep(LOOK_MS)
    }
  }

  async #moveQueue({ queue, position, end }: QueueProgress, run: Run): Promise<void> {
    const { clock } = this.#world
    let at = position
    while (at < end && !run.signal.aborted) {
      const pulled = await this.#again(run, () =>
        this.#mover.pull(queue, { offset: at, maxMsgNums: PULL_MESSAGES, signal: run.signal }),
      )
      if (!pulled) return
      const messages = pulled.messages.filter(({ queueOffset }) => queueOffset < end)
      // Every message matches: an answer without any, at an offset that is still stored, passes over nothing.
      if (pulled.messages.length === 0 && (pulled.maxOffset < end || pulled.minOffset <= at)) {
        // A broker that recovers may not show all its messages yet; one that lost some for good never will.
        run.problem = `queue ${placeOf(queue)} ends at ${pulled.maxOffset} and had messages up to ${end}; if they are lost for good, use --stop-here`
        await clock.sleep(LOOK_MS)
        continue
      }
      const next = Math.min(end, Math.max(at, pulled.nextBeginOffset))
      if (messages.length > 0) {
        const lines = batches(messages, this.names.temporaryTopic, message => run.target(message))
        const sent = await Promise.all(lines.map(line => this.#sendLine(line, run)))
        // Nothing is committed that was not acknowledged.
        if (sent.includes(false)) return
        run.moved += messages.length
      }
      if (next === at) {
        await clock.sleep(RETRY_FIRST_MS)
        continue
      }
      run.left -= next - at
      at = next
      const committed = await this.#again(run, async () => {
        await this.#mover.commitOffset(queue, at)
        return true
      })
      if (!committed) return
      await run.throttle(clock)
    }
  }

  /** In order, each until it is acknowledged; false when stopped before. */
  async #sendLine(line: ReturnType<typeof batches>[number], run: Run): Promise<boolean> {
    for (const { target, messages } of line) {
      const sent = await this.#again(run, async () => {
        const options = { queue: target, signal: run.signal }
        const { sendStatus } =
          messages.length === 1
            ? await run.producer.send(messages[0]!, options)
            : await run.producer.sendBatch(messages, options)
        // It may be gone after a power cut, and what is committed here is never read again.
        if (sendStatus === 'FLUSH_DISK_TIMEOUT') throw new CommandError(`${target.brokerName} is slow to sync its disk`)
        return true
      })
      if (!sent) return false
    }
    return true
  }

  /** Tries until it succeeds; undefined when the run is stopped. What no try can mend is thrown. */
  async #again<T>(run: Run, attempt: () => Promise<T>): Promise<T | undefined> {
    for (let pauseMs = RETRY_FIRST_MS; !run.signal.aborted; pauseMs = Math.min(RETRY_MOST_MS, pauseMs * 2)) {
      try {
        const value = await attempt()
        run.problem = undefined
        return value
      } catch (error) {
        if (run.signal.aborted) return undefined
        // A message that is too long for this broker or breaks a rule will always be.
        if ((error as Error).name === 'FieldError' || (error as { status?: string }).status === 'MESSAGE_ILLEGAL')
          throw error
        run.problem = (error as Error).message
        await this.#world.clock.sleep(pauseMs)
      }
    }
    return undefined
  }

  // ---- the end

  /** Sets the end to what has been moved: the rest stays for the original consumers. */
  async stopHere(): Promise<void> {
    const plan = await this.#plan()
    if (!plan) throw new CommandError(`there is no relief of ${this.topic} for ${this.group}`)
    if (plan.isFinishing) throw new CommandError('all is moved and consumed already: only --finish is left')
    await this.#awaitNoOther()
    if (!(await this.#temporaryTopicExists())) {
      // Nothing has been moved yet.
      if (plan.wasEnabled) await this.#enable(true)
      return this.#forget()
    }
    const { queues } = await this.#progress(plan)
    const ends = new Map(queues.map(({ queue, position }) => [placeOf(queue), position]))
    await this.#keep({ ...plan, isMoved: true, ends })
    if (plan.keyProperty === undefined) await this.release()
  }

  /**
   * Lets the original group go on behind what has been moved, and switches it on again if it was on before. Harmless when that
   * has been done.
   */
  async release(): Promise<void> {
    const plan = await this.#plan()
    if (!plan) throw new CommandError(`there is no relief of ${this.topic} for ${this.group}`)
    const { queues, left } = await this.#progress(plan)
    if (left > 0)
      throw new CommandError(`${left} messages are not moved yet: go on with the same command without --finish`)
    const brokers = new Map((await this.#brokers()).map(({ brokerName, address }) => [brokerName, address]))
    // Once it is on anywhere, all offsets have been set, and they are its own again.
    if (!plan.wasEnabled || !(await this.#isEnabled()))
      for (const { queue, end: planned } of queues) {
        const end = Math.min(planned, await this.#mover.maxOffset(queue))
        const committed = await this.#original.committedOffset(queue)
        if (committed !== undefined && committed >= end) continue
        const { queueId } = queue
        const brokerAddress = brokers.get(queue.brokerName)!
        const reset = { consumerGroup: this.group, topic: this.topic, queueId, offset: end, brokerAddress }
        // Members that are connected hold the old offset and would commit it again: a reset reaches them too.
        await this.#admin.resetOffset(reset).catch(() => {})
        if (((await this.#original.committedOffset(queue)) ?? 0) < end) await this.#original.commitOffset(queue, end)
      }
    if (plan.wasEnabled) await this.#enable(true)
  }

  /** Removes everything that the relief made. Throws CommandError while there is something left to move or to consume. */
  async finish(): Promise<void> {
    const plan = await this.#plan()
    if (!plan) throw new CommandError(`there is no relief of ${this.topic} for ${this.group}`)
    if (plan.isFinishing) {
      await this.#progress(plan)
      await this.#keep(plan)
      return this.#remove()
    }
    if (!(await this.#temporaryTopicExists()))
      throw new CommandError('nothing has been moved yet: begin again with --queues, or give up with --stop-here')
    const { left } = await this.#progress(plan)
    if (left > 0)
      throw new CommandError(
        `${left} messages are not moved yet: go on with the same command without --finish, or give up the rest with --stop-here`,
      )
    const undrained = await this.#undrained()
    const { temporaryTopic } = this.names
    if (undrained > 0)
      throw new CommandError(
        `${undrained} messages of ${temporaryTopic} are not consumed yet: consume them as group ${temporaryTopic}, then finish`,
      )
    await this.release()
    // From here on nobody can tell any more that all was consumed: what is half removed is only removed further.
    await this.#keep({ ...plan, isFinishing: true })
    await this.#remove()
  }

  async #remove(): Promise<void> {
    const { temporaryTopic } = this.names
    for (const { address } of await this.#brokers())
      await this.#admin.deleteTopicOnBroker(address, temporaryTopic).catch(error => {
        if ((error as { status?: string }).status !== 'TOPIC_NOT_EXIST') throw error
      })
    await this.#admin.deleteTopicOnNameServers(temporaryTopic)
    await this.#forget()
  }

  /** The plan group goes last: while it is there, the end can be done again. */
  async #forget(): Promise<void> {
    const { moverGroup, planGroup, temporaryTopic } = this.names
    for (const groupName of [temporaryTopic, moverGroup, planGroup])
      for (const { address } of await this.#brokers()) {
        if (!(await this.#admin.subscriptionGroups(address)).has(groupName)) continue
        await this.#admin.deleteSubscriptionGroup(groupName, { cleanOffset: true, brokerAddress: address })
      }
  }
}

/** Marks the entry of a plan group's subscriptionDataSet that holds the plan: nobody subscribes with such a type. */
const PLAN = 'RELIEF'
const PLAN_MOVED = 'RELIEF_MOVED'
const PLAN_DONE = 'RELIEF_DONE'
const PLANS: ReadonlySet<string> = new Set([PLAN, PLAN_MOVED, PLAN_DONE])
/** And the entries that hold the end of a queue. */
const END = 'RELIEF_END'
/** No property is called so. */
const NO_ORDER = '-'

/** Plans only go forward. With ends it is whole: the offsets have been set. */
const stepOf = ({ isMoved, isFinishing, ends }: Plan) => (isFinishing ? 3 : isMoved ? 2 : ends.size > 0 ? 1 : 0)

const placeOf = ({ brokerName, queueId }: MessageQueue) => `${brokerName}:${queueId}`

/** By which messages are kept in order unless told otherwise: what orderly producers of 5.x set. */
export const DEFAULT_KEY_PROPERTY = property.SHARDING_KEY

/** So many neighbours go to one queue: a request each would be most of the work. */
const TOGETHER = 16

/** One mover at work: what its queues share. */
class Run {
  readonly signal: AbortSignal
  readonly producer: Producer
  readonly #targets: readonly MessageQueue[]
  readonly #plan: Plan
  readonly #rate: number | undefined
  /** Of this run. */
  moved = 0
  left = 0
  problem: string | undefined
  #turn = 0
  #startedMs: number | undefined

  constructor(parts: {
    targets: readonly MessageQueue[]
    plan: Plan
    rate: number | undefined
    signal: AbortSignal
    producer: Producer
  }) {
    this.signal = parts.signal
    this.producer = parts.producer
    this.#targets = parts.targets
    this.#plan = parts.plan
    this.#rate = parts.rate
  }

  target(message: ReceivedMessage): MessageQueue {
    const { keyProperty } = this.#plan
    const n =
      keyProperty === undefined
        ? Math.floor(this.#turn++ / TOGETHER) % this.#targets.length
        : queueOf(orderKey(message, keyProperty), this.#targets.length)
    return this.#targets[n]!
  }

  /** Sleeps for as long as the run is ahead of its rate. */
  async throttle(clock: World['clock']): Promise<void> {
    this.#startedMs ??= clock.monotonicMs()
    if (this.#rate === undefined) return
    const dueMs = this.#startedMs + (this.moved / this.#rate) * 1000
    while (!this.signal.aborted && clock.monotonicMs() < dueMs)
      await clock.sleep(Math.min(LOOK_MS, dueMs - clock.monotonicMs()))
  }
}
