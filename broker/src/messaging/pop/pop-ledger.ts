import type { BrokerConfig } from '@rocketcluster/config'
import { property, ResponseError } from '@rocketcluster/protocol'
import type { Clock, Log } from '@rocketcluster/world'
import type { ConsumerOffsets } from '../../metadata/consumer-offsets.ts'
import type { Store } from '../../store/store.ts'
import type { Appended, Arrival, PutStatus } from '../../store/types.ts'
import { type OutgoingMessage, toStore } from '../outgoing-message.ts'
import { readQueue } from '../read-queue.ts'
import { CheckPoint, type CheckPointFields, checkPointKey } from './check-point.ts'
import { DuePoints } from './due-points.ts'
import { PopQueue } from './pop-queue.ts'
import type { PopStats, ReviveStatus } from './pop-stats.ts'
import {
  type Acks,
  ackMessageOf,
  checkPointMessage,
  REVIVE_GROUP,
  type ReviveMessageContext,
  readReviveMessage,
  reviveTopicOf,
} from './revive-messages.ts'
import { ReviveQueue } from './revive-queue.ts'

/** As REVIVE_GROUP: up to where in the revive log the groups' committed offsets know of what was popped. */
export const SEEN_GROUP = 'CID_RMQ_SYS_REVIVE_SEEN'

/** A point that cannot be written, or revived, is tried again after so long. */
const RETRY_MS = 1000
/** Acks of a check point that Apache's timer delivered come behind it, by the same timer. */
const FOREIGN_GRACE_MS = 5000
const REWRITES_AT_ONCE = 1000
/** An idle queue of which nothing is invisible is forgotten after so long (PopBufferMergeService.java). */
const IDLE_QUEUE_MS = 5 * 60_000
const RECOVERY_READ = 32

export interface PopLedgerParts {
  /** Live. */
  readonly config: BrokerConfig
  readonly store: Store
  readonly offsets: ConsumerOffsets
  readonly clock: Clock
  readonly log: Log
  readonly stats: PopStats
  /** Whether topic and group still exist. */
  readonly exists: (topic: string, group: string) => boolean
}

/** A change of the invisible time, as the new receipt handle says it. */
export interface NewHandle {
  readonly popTime: number
  readonly invisibleTime: number
}

/**
 * What was popped and is not acknowledged. Each pop's check point and each ack is one record of the revive topic, in Apache's
 * format; this is what they add up to. It is read again from the log after a restart: nothing of it is ever only in memory,
 * except check points under enablePopBufferMerge, and then the group's offset has not moved past them.
 *
 * The order in which things become durable is what keeps messages:
 *   check point in the log → answer to the consumer → log synced → the group's offset moves past it
 */
export class PopLedger {
  readonly reviveTopic: string
  /** Queues with a pop that is not committed or not acknowledged, and those used of late. */
  readonly queues = new Map<string, PopQueue>()
  readonly reviveQueues: ReviveQueue[] = []
  readonly #parts: PopLedgerParts
  readonly #due: DuePoints
  /** Queues with pops that are not committed. */
  readonly #uncommitted = new Set<PopQueue>()
  #checkPoints = 0
  #inMemoryOnly = 0
  #nextReviveQueue = 0
  /** What may be saved of the progress once the log is synced up to there. */
  #snapshot:
    | { appendedOffset: number; progress: readonly (readonly [queueId: number, progress: number, seen: number])[] }
    | undefined
  /** A revive queue whose oldest check point is so many records back writes it once more, so that a restart reads little. */
  rewriteDistance = 20_000
  /** Told check points whose time is up. */
  onExpired: (point: CheckPoint) => void = () => {}

  constructor(parts: PopLedgerParts) {
    this.#parts = parts
    this.reviveTopic = reviveTopicOf(parts.config.brokerClusterName)
    this.#due = new DuePoints(parts.clock.now())
  }

  // ---- beginning

  /** Adds up what the log says. Rejects with ResponseError SYSTEM_ERROR when it cannot be read. */
  async recover(): Promise<void> {
    const { store, config, offsets, log } = this.#parts
    const stored = [...store.topics()].find(({ topic }) => topic === this.reviveTopic)?.queueIds ?? []
    const count = Math.max(config.reviveQueueNum, ...stored.map(queueId => queueId + 1))
    for (let queueId = 0; queueId < count; queueId++) this.reviveQueues.push(new ReviveQueue(queueId))
    let records = 0
    const moves: CheckPoint[] = []
    for (const queue of this.reviveQueues) {
      const max = store.maxOffset(this.reviveTopic, queue.queueId)
      const min = store.minOffset(this.reviveTopic, queue.queueId)
      const progress = offsets.query(REVIVE_GROUP, this.reviveTopic, queue.queueId)
      // A directory of Apache's has progress but no SEEN_GROUP: its groups' offsets are as they should be.
      const seen =
        offsets.query(SEEN_GROUP, this.reviveTopic, queue.queueId) ??
        (progress === undefined ? -1 : Number.POSITIVE_INFINITY)
      for (let next = Math.max(min, Math.min((progress ?? -1) + 1, max)); next < max; ) {
        const read = await readQueue(store, this.reviveTopic, queue.queueId, next, RECOVERY_READ)
        for (const message of read.messages) {
          this.#apply(message, queue, seen, moves)
          records++
        }
        if (read.damaged.length > 0)
          log.error({ queueId: queue.queueId, queueOffsets: read.damaged }, 'pop: check points or acks are damaged')
        // Whatever cannot be read must not keep the broker from starting.
        next = Math.max(read.nextOffset, next + 1)
      }
      queue.tail = max - 1
      // A log that lost its end begins anew before what was saved: who reads it next must not skip that.
      if (progress !== undefined && progress >= max)
        offsets.commit(REVIVE_GROUP, this.reviveTopic, queue.queueId, max - 1)
      if (Number.isFinite(seen) && seen >= max) offsets.commit(SEEN_GROUP, this.reviveTopic, queue.queueId, max - 1)
    }
    this.#moveOffsets(moves)
    await offsets.flush()
    if (records > 0) log.info({ records, checkPoints: this.#checkPoints }, 'pop: read what is not acknowledged')
  }

  /** Groups go on where their last pop ended, also when their offsets were not saved since. */
  #moveOffsets(points: CheckPoint[]): void {
    const { offsets } = this.#parts
    for (const { topic, group, queueId, previousEnd, nextOffset } of points.sort(
      (a, b) => a.startOffset - b.startOffset,
    )) {
      const before = offsets.query(group, topic, queueId)
      // Nothing is known of a group in a topic that was deleted and made anew: these are its old check points.
      if (before === undefined) continue
      // Only what follows on: a pop before it may have been in memory only, and its messages are still to be popped then.
      if (previousEnd <= before && before < nextOffset) offsets.commit(group, topic, queueId, nextOffset)
    }
  }

  /** Forgets everything; the log has it. */
  clear(): void {
    for (const queue of this.queues.values()) for (const point of queue.checkPoints.values()) this.#due.remove(point)
    this.queues.clear()
    this.reviveQueues.length = 0
    this.#uncommitted.clear()
    this.#checkPoints = 0
    this.#inMemoryOnly = 0
    this.#snapshot = undefined
  }

  #apply(
    message: Parameters<typeof readReviveMessage>[0],
    queue: ReviveQueue,
    seen = Number.POSITIVE_INFINITY,
    moves?: CheckPoint[],
  ): void {
    const { config, clock, exists, log } = this.#parts
    const record = readReviveMessage(message, config.brokerName)
    if (record === undefined) {
      log.warn(
        { queueId: queue.queueId, queueOffset: message.queueOffset },
        'pop: a record of the revive topic is skipped',
      )
      return
    }
    if (record.kind === 'acks') {
      const point = this.find(record.acks)
      if (point === undefined) return
      for (const queueOffset of record.acks.queueOffsets) {
        const index = point.indexOf(queueOffset)
        if (index >= 0) point.ack(index)
      }
      this.settle(point)
      return
    }
    let { point } = record
    const known = this.find(point)
    if (known !== undefined) {
      known.acked |= point.acked
      point = known
    } else {
      if (!exists(point.topic, point.group)) return
      if (message.queueOffset > seen) moves?.push(point)
      const written = message.property(property.TIMER_DELIVER_MS) === String(message.bornTimestamp)
      if (!written) point.dueMs = Math.max(point.dueMs, clock.now() + FOREIGN_GRACE_MS)
      this.#add(point)
    }
    const firstRecord = point.reviveOffset < 0
    point.reviveOffset = message.queueOffset
    point.physicalEnd = message.physicalOffset + message.storeSize
    if (firstRecord) this.#nowInLog(point, queue)
    else queue.add(point)
    this.settle(point)
  }

  // ---- popping

  queue(topic: string, group: string, queueId: number): PopQueue {
    const key = `${topic}@${group}@${queueId}`
    let queue = this.queues.get(key)
    if (queue === undefined) this.queues.set(key, (queue = new PopQueue(topic, group, queueId)))
    queue.usedMs = this.#parts.clock.monotonicMs()
    return queue
  }

  find({
    topic,
    group,
    queueId,
    startOffset,
    popTime,
    brokerName,
  }: Omit<Acks, 'queueOffsets'>): CheckPoint | undefined {
    const queue = this.queues.get(`${topic}@${group}@${queueId}`)
    const point = queue?.checkPoints.get(checkPointKey(startOffset, popTime))
    return point?.brokerName === brokerName ? point : undefined
  }

  /** The queue of the revive topic for the next pop: in turn. */
  nextReviveQueue(): number {
    const { reviveQueueNum } = this.#parts.config
    this.#nextReviveQueue = (this.#nextReviveQueue + 1) % Math.min(reviveQueueNum, this.reviveQueues.length)
    return this.#nextReviveQueue
  }

  /**
   * The fields' messages are invisible from now on, and the queue's next pop begins at nextOffset. The promise resolves when
   * that survives as the configuration promises; the consumer gets its messages only then. Throws, or rejects with, the
   * ResponseError to answer; when it rejects the messages come back after their time all the same.
   */
  popped(fields: CheckPointFields, nextOffset: number): Promise<unknown> | undefined {
    const queue = this.queue(fields.topic, fields.group, fields.queueId)
    const point = new CheckPoint({ ...fields, previousEnd: queue.lastEnd ?? fields.startOffset, nextOffset })
    if (queue.checkPoints.has(point.key))
      throw new ResponseError(
        'SYSTEM_BUSY',
        `offset ${point.startOffset} of ${point.topic} was popped within this millisecond`,
      )
    const committed = this.#mayStayInMemory(point) ? undefined : this.#write(point)
    this.#add(point)
    if (committed === undefined) {
      this.#inMemoryOnly++
      this.#due.move(point, this.#leavesMemoryAt(point))
    }
    this.#advance(queue, nextOffset, point)
    queue.lastEnd = nextOffset
    return committed
  }

  /** What lies before nextOffset is nothing that this group wants. */
  skipped(queue: PopQueue, nextOffset: number): void {
    if (queue.latestOffset === nextOffset) return
    this.#advance(queue, nextOffset, undefined)
  }

  /** The group's offset was set by an operator: what is not committed does not count any more. */
  reset(queue: PopQueue): void {
    queue.clearPending()
    this.#uncommitted.delete(queue)
  }

  /** The topic is gone: nothing of it comes back, and one of the same name begins anew. */
  forgetTopic(topic: string): void {
    for (const [key, queue] of this.queues) {
      if (queue.topic !== topic) continue
      this.reset(queue)
      for (const point of [...queue.checkPoints.values()]) this.abandon(point)
      if (!queue.locked) this.queues.delete(key)
    }
  }

  /** The group's offsets are gone: what is not committed does not bring them back. */
  forgetOffsets(group: string): void {
    for (const queue of this.queues.values()) if (queue.group === group) this.reset(queue)
  }

  #advance(queue: PopQueue, nextOffset: number, point: CheckPoint | undefined): void {
    queue.advance(nextOffset, point)
    this.#uncommitted.add(queue)
  }

  #mayStayInMemory(point: CheckPoint): boolean {
    const { enablePopBufferMerge, popCkMaxBufferSize, popCkStayBufferTimeOut } = this.#parts.config
    return (
      enablePopBufferMerge &&
      this.#inMemoryOnly < popCkMaxBufferSize &&
      point.reviveTime - this.#parts.clock.now() >= popCkStayBufferTimeOut + 1500
    )
  }

  #leavesMemoryAt(point: CheckPoint): number {
    const { popCkStayBufferTime, popCkStayBufferTimeOut } = this.#parts.config
    return Math.min(point.popTime + popCkStayBufferTime, point.reviveTime - popCkStayBufferTimeOut)
  }

  #add(point: CheckPoint): void {
    const queue = this.queue(point.topic, point.group, point.queueId)
    queue.checkPoints.set(point.key, point)
    this.#checkPoints++
    this.#due.add(point)
  }

  // ---- the revive log

  get #context(): ReviveMessageContext {
    const { store, clock } = this.#parts
    return { reviveTopic: this.reviveTopic, storeHost: store.storeHost, now: clock.now() }
  }

  reviveQueue(queueId: number): ReviveQueue {
    // The number of queues was lowered while a handle was out.
    return this.reviveQueues[queueId] ?? this.reviveQueues[0]!
  }

  /** Appends the point's record. The promise rejects when the disk refused; the point is in memory only then, and due soon. */
  #write(point: CheckPoint): Promise<unknown> {
    const [appended] = this.#append([checkPointMessage(this.#context, point)])
    this.#wrote(point, appended!)
    const { store, stats } = this.#parts
    return store.committed(appended!.physicalOffset + appended!.sizeBytes, true).then(
      status => stats.wrote(point.topic, point.group, 'CK', status),
      error => {
        this.#notWritten(point, appended!.queueOffset)
        throw error
      },
    )
  }

  #wrote(point: CheckPoint, { queueOffset, physicalOffset, sizeBytes }: Appended): void {
    const isFirst = point.reviveOffset < 0
    const queue = this.reviveQueue(point.reviveQueueId)
    point.reviveOffset = queueOffset
    point.physicalEnd = physicalOffset + sizeBytes
    if (isFirst) this.#nowInLog(point, queue)
    else queue.add(point)
  }

  #nowInLog(point: CheckPoint, queue: ReviveQueue): void {
    queue.add(point)
    queue.outstanding++
  }

  #notWritten(point: CheckPoint, reviveOffset: number): void {
    this.#parts.stats.wrote(point.topic, point.group, 'CK', 'UNKNOWN_ERROR')
    if (point.done || point.reviveOffset !== reviveOffset) return
    point.reviveOffset = -1
    point.physicalEnd = 0
    this.reviveQueue(point.reviveQueueId).outstanding--
    this.#inMemoryOnly++
    this.#due.move(point, Math.min(point.dueMs, this.#parts.clock.now() + RETRY_MS))
  }

  /** All or none, one behind the other. Messages of the revive topic need not be read back. Throws as `Store.append`. */
  #append(messages: readonly OutgoingMessage[]): Appended[] {
    const { store } = this.#parts
    const first = messages[0]!
    const appended =
      messages.length === 1 ? [store.appendCopy(toStore(first))] : store.appendCopies(messages.map(toStore))
    for (const [i, { topic, queueId }] of messages.entries())
      if (topic === this.reviveTopic) this.reviveQueue(queueId).own.add(appended[i]!.queueOffset)
    return appended
  }

  /** A listener of `arrivals`: what others wrote into the revive topic (Apache's timer, from before) is read. */
  arrived(arrivals: readonly Arrival[]): void {
    for (const { topic, queueId, maxOffset } of arrivals) {
      if (topic !== this.reviveTopic) continue
      const queue = this.reviveQueues[queueId]
      if (queue === undefined) continue
      queue.tail = maxOffset - 1
      if (!queue.own.delete(maxOffset - 1)) this.#readForeign(queue, maxOffset - 1)
    }
  }

  async #readForeign(queue: ReviveQueue, queueOffset: number): Promise<void> {
    const { store, log } = this.#parts
    try {
      const { messages } = await readQueue(store, this.reviveTopic, queue.queueId, queueOffset, 1)
      for (const message of messages) if (message.queueOffset === queueOffset) this.#apply(message, queue)
    } catch (error) {
      log.error({ error, queueId: queue.queueId, queueOffset }, 'pop: a check point or ack could not be read')
    }
  }

  // ---- acknowledging

  /**
   * Takes messages of one pop for consumed. Resolves with how many of them were still invisible: what has come back, or was
   * acknowledged before, or was never popped, counts for nothing. Rejects with the ResponseError to answer.
   */
  async acknowledge(acks: Acks): Promise<number> {
    const point = this.find(acks)
    if (point === undefined) return 0
    const indexes = this.#unacked(point, acks.queueOffsets)
    if (indexes.length === 0) return 0
    if (point.reviveOffset < 0 && this.#staysInMemory(point)) {
      for (const index of indexes) point.ack(index)
      this.settle(point)
      return indexes.length
    }
    await this.#finish(point, indexes, [])
    return indexes.length
  }

  /** An ack that comes too late for the memory goes into the log, as its check point will (PopBufferMergeService.java#addAk). */
  #staysInMemory(point: CheckPoint): boolean {
    return point.failures === 0 && this.#parts.config.enablePopBufferMerge
  }

  #unacked(point: CheckPoint, queueOffsets: readonly number[]): number[] {
    const indexes = new Set<number>()
    for (const queueOffset of queueOffsets) {
      const index = point.indexOf(queueOffset)
      if (index >= 0 && !point.isAcked(index)) indexes.add(index)
    }
    return [...indexes]
  }

  /**
   * The message stays invisible for invisibleTime from now on, under a new handle. Undefined when its old handle does not hold
   * any more: nothing changes then. Rejects with the ResponseError to answer.
   */
  async changeInvisibleTime(acks: Acks, invisibleTime: number): Promise<NewHandle | undefined> {
    const point = this.find(acks)
    const indexes = point === undefined ? [] : this.#unacked(point, acks.queueOffsets)
    if (point === undefined || indexes.length === 0) return undefined
    const { queueOffsets, ...pop } = acks
    const queue = this.queue(pop.topic, pop.group, pop.queueId)
    // Handles of one offset are told apart by their pop time.
    let popTime = this.#parts.clock.now()
    while (queue.checkPoints.has(checkPointKey(queueOffsets[0]!, popTime))) popTime++
    const next = new CheckPoint({
      ...pop,
      startOffset: queueOffsets[0]!,
      popTime,
      invisibleTime,
      diffs: [0],
      reviveQueueId: point.reviveQueueId,
    })
    await this.#finish(point, indexes, [checkPointMessage(this.#context, next)], ([appended]) => {
      this.#wrote(next, appended!)
      this.#add(next)
      return () => this.#drop(next)
    })
    return { popTime, invisibleTime }
  }

  /** Forgets a point that never came into being. */
  #drop(point: CheckPoint): void {
    if (point.done) return
    point.done = true
    this.#remove(point)
  }

  /**
   * Marks messages as dealt with, and writes that behind `before`. Nothing is awaited until the marks are set, so that nobody
   * else deals with the same messages; they are taken back when the disk refuses. `appended` is told where `before` lies and
   * returns what undoes its doing.
   */
  async #finish(
    point: CheckPoint,
    indexes: readonly number[],
    before: readonly OutgoingMessage[],
    appended: (before: readonly Appended[]) => () => void = () => () => {},
  ): Promise<PutStatus> {
    const { store, stats } = this.#parts
    const queueOffsets = indexes.map(index => point.startOffset + point.diffs[index]!)
    const ack = ackMessageOf(this.#context, point.reviveQueueId, { ...pick(point), queueOffsets })
    // A check point that is in memory only must lie before what speaks of it.
    const own = point.reviveOffset < 0 ? [checkPointMessage(this.#context, point)] : []
    const places = this.#append([...own, ...before, ack])
    if (own.length > 0) {
      this.#inMemoryOnly--
      this.#wrote(point, places[0]!)
    }
    const undo = appended(places.slice(own.length, -1))
    const last = places.at(-1)!
    for (const index of indexes) point.ack(index)
    point.acksUnderWay++
    point.physicalEnd = Math.max(point.physicalEnd, last.physicalOffset + last.sizeBytes)
    try {
      const status = await store.committed(last.physicalOffset + last.sizeBytes, true)
      point.acksUnderWay--
      stats.wrote(point.topic, point.group, 'ACK', status)
      stats.read(point.topic, point.group, 'ACK', point.reviveQueueId)
      this.settle(point)
      return status
    } catch (error) {
      point.acksUnderWay--
      stats.wrote(point.topic, point.group, 'ACK', 'UNKNOWN_ERROR')
      for (const index of indexes) point.unack(index)
      undo()
      if (own.length > 0) this.#notWritten(point, places[0]!.queueOffset)
      // Its time may have come while this was on its way.
      if (!point.reviving) this.#due.move(point, Math.max(point.dueMs, this.#parts.clock.now() + RETRY_MS))
      throw error
    }
  }

  /** The messages were given to another topic: `retries` go into the log together with the mark that says so. */
  async revived(
    point: CheckPoint,
    indexes: readonly number[],
    retries: readonly OutgoingMessage[],
  ): Promise<ReviveStatus> {
    return this.#finish(point, indexes, retries)
  }

  /** Ends a check point of which everything has been dealt with. */
  settle(point: CheckPoint): void {
    if (point.done || !point.allAcked || point.acksUnderWay > 0 || point.reviving) return
    point.done = true
    this.#remove(point)
    this.#parts.stats.read(point.topic, point.group, 'CK', point.reviveQueueId)
  }

  #remove(point: CheckPoint): void {
    this.#due.remove(point)
    const queue = this.queues.get(`${point.topic}@${point.group}@${point.queueId}`)
    if (queue?.checkPoints.get(point.key) === point) queue.checkPoints.delete(point.key)
    this.#checkPoints--
    if (point.reviveOffset >= 0) this.reviveQueue(point.reviveQueueId).outstanding--
    else this.#inMemoryOnly--
  }

  /** Gives a point up whose topic or group is gone, or whose messages are. */
  abandon(point: CheckPoint): void {
    for (let i = 0; i < point.diffs.length; i++) point.ack(i)
    this.settle(point)
  }

  /** Looks at the point again later. */
  later(point: CheckPoint, delayMs: number): void {
    if (!point.done) this.#due.move(point, this.#parts.clock.now() + delayMs)
  }

  // ---- as time goes by

  /** Every tenth of a second: what is due, and the offsets that may be committed. */
  tick(): void {
    const { clock, store, offsets, exists } = this.#parts
    const now = clock.now()
    for (const point of this.#due.take(now)) this.#isDue(point, now)
    const flushed = store.finalOffset
    for (const queue of this.#uncommitted) {
      const { topic, group, queueId } = queue
      const next = queue.takeCommittable(flushed)
      if (next !== undefined && exists(topic, group)) {
        const before = offsets.query(group, topic, queueId)
        if (before === undefined || before < next) offsets.commit(group, topic, queueId, next)
      }
      if (queue.pendingCount === 0) this.#uncommitted.delete(queue)
    }
  }

  #isDue(point: CheckPoint, now: number): void {
    if (point.done) return
    if (now >= point.reviveTime && now >= point.dueMs) {
      this.onExpired(point)
      return
    }
    if (point.reviveOffset >= 0) {
      this.#due.move(point, point.reviveTime)
      return
    }
    this.#leaveMemory(point)
  }

  #leaveMemory(point: CheckPoint): void {
    const { clock, log } = this.#parts
    try {
      this.#inMemoryOnly--
      this.#write(point).catch(() => {})
      this.#due.move(point, point.reviveTime)
    } catch (error) {
      this.#inMemoryOnly++
      log.warn({ error, topic: point.topic, group: point.group }, 'pop: a check point cannot be written yet')
      this.#due.move(point, clock.now() + RETRY_MS)
    }
  }

  /** Every second: how far the revive log is dealt with, and what has been lying in it for long. */
  keepHouse(): void {
    this.#saveProgress()
    for (const queue of this.reviveQueues) this.#rewriteOldest(queue)
    const idleSince = this.#parts.clock.monotonicMs() - IDLE_QUEUE_MS
    for (const [key, queue] of this.queues)
      if (queue.usedMs < idleSince && queue.checkPoints.size === 0 && queue.pendingCount === 0 && !queue.locked)
        this.queues.delete(key)
  }

  /**
   * Progress counts when everything that it rests on is on stable storage: it is taken at one moment, and saved when the
   * log has been synced up to what was appended then.
   */
  #saveProgress(): void {
    const { store, offsets } = this.#parts
    if (this.#snapshot !== undefined) {
      if (store.finalOffset < this.#snapshot.appendedOffset) return
      for (const [queueId, progress, seen] of this.#snapshot.progress) {
        if (progress >= 0) offsets.commit(REVIVE_GROUP, this.reviveTopic, queueId, progress)
        // Also -1: progress without it is what Apache's directories have.
        if (progress >= 0 || seen >= 0) offsets.commit(SEEN_GROUP, this.reviveTopic, queueId, seen)
      }
    }
    const seen = this.reviveQueues.map(queue => queue.tail)
    for (const queue of this.#uncommitted)
      for (const { reviveOffset, reviveQueueId } of queue.pendingPoints())
        if (reviveOffset >= 0 && reviveOffset <= seen[reviveQueueId]!) seen[reviveQueueId] = reviveOffset - 1
    this.#snapshot = {
      appendedOffset: store.maxPhysicalOffset,
      progress: this.reviveQueues.map(queue => [queue.queueId, queue.progress, seen[queue.queueId]!]),
    }
  }

  #rewriteOldest(queue: ReviveQueue): void {
    const distance = Math.max(this.rewriteDistance, 4 * queue.outstanding)
    for (let i = 0; i < REWRITES_AT_ONCE; i++) {
      const { oldest } = queue
      if (oldest === undefined || queue.tail - oldest.reviveOffset < distance) return
      if (oldest.acksUnderWay > 0 || oldest.reviving) return
      try {
        this.#write(oldest).catch(() => {})
      } catch {
        return
      }
    }
  }

  /** Writes what is in memory only, as the broker stops. Resolves when the log has it, or cannot take it. */
  async leaveMemory(): Promise<void> {
    const written: Promise<unknown>[] = []
    for (const queue of this.queues.values())
      for (const point of queue.checkPoints.values()) {
        if (point.reviveOffset >= 0 || point.done) continue
        try {
          this.#inMemoryOnly--
          written.push(this.#write(point))
        } catch {
          this.#inMemoryOnly++
        }
      }
    await Promise.allSettled(written)
  }

  // ---- for metrics

  /** Where a group that pops goes on in a queue, and what of it is invisible; undefined when nothing is known. */
  positionOf(topic: string, group: string, queueId: number) {
    const queue = this.queues.get(`${topic}@${group}@${queueId}`)
    if (queue === undefined) return undefined
    let inFlight = 0
    let firstInFlight: number | undefined
    for (const point of queue.checkPoints.values()) {
      inFlight += point.unackedCount
      for (let i = 0; i < point.diffs.length; i++) {
        if (point.isAcked(i)) continue
        const queueOffset = point.startOffset + point.diffs[i]!
        if (firstInFlight === undefined || queueOffset < firstInFlight) firstInFlight = queueOffset
      }
    }
    return { nextOffset: queue.latestOffset ?? 0, inFlight, firstInFlight }
  }

  /** By revive queue: check points whose time is over, and for how long that of the oldest is. */
  overdue(): { queueId: number; count: number; oldestMs: number }[] {
    const now = this.#parts.clock.now()
    const overdue = this.reviveQueues.map(({ queueId }) => ({ queueId, count: 0, oldestMs: 0 }))
    for (const { checkPoints } of this.queues.values())
      for (const { reviveTime, reviveQueueId } of checkPoints.values()) {
        const queue = overdue[reviveQueueId]
        if (queue === undefined || reviveTime > now) continue
        queue.count++
        queue.oldestMs = Math.max(queue.oldestMs, now - reviveTime)
      }
    return overdue
  }

  get checkPointCount(): number {
    return this.#checkPoints
  }

  get uncommittedCount(): number {
    let count = 0
    for (const queue of this.#uncommitted) count += queue.pendingCount
    return count
  }
}

const pick = ({ topic, group, queueId, startOffset, popTime, brokerName }: CheckPoint) => ({
  topic,
  group,
  queueId,
  startOffset,
  popTime,
  brokerName,
})
