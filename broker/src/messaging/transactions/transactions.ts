import type { BrokerConfig } from '@rocketcluster/config'
import {
  type DecodedMessage,
  decodeRecord,
  encodeProperties,
  MAX_PROPERTIES_LENGTH,
  property,
  ResponseError,
  SCHEDULE_TOPIC,
  SYSTEM_TOPIC_PREFIX,
  TRANS_CHECK_MAX_TIME_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
  transactionType,
} from '@rocketcluster/protocol'
import type { Timer, World } from '@rocketcluster/world'
import type { BackgroundService } from '../../background-service.ts'
import type { ConsumerOffsets } from '../../metadata/consumer-offsets.ts'
import type { Topics } from '../../metadata/topics.ts'
import type { BrokerStats } from '../../stats.ts'
import type { Store } from '../../store/store.ts'
import type { Appended } from '../../store/types.ts'
import { type OutgoingMessage, toStore } from '../outgoing-message.ts'
import type { Puts } from '../puts.ts'
import { readQueue } from '../read-queue.ts'
import type { Askers } from './askers.ts'
import { answersTooLate } from './check-schedule.ts'
import {
  checkTimesOf,
  committedMessage,
  firstOffsetOf,
  HALF_QUEUE_ID,
  halfMessage,
  isHalfMessage,
  opMessage,
  producerGroupOf,
  putBack,
  realTopicOf,
  resumedMessage,
  setAsideMessage,
  TRANSACTION_GROUP,
} from './half-message.ts'
import { dueAt, HalfStates, half as is, isPending } from './half-states.ts'
import { OpLog } from './op-log.ts'
import { TransactionChecks } from './transaction-checks.ts'
import { TransactionCounts } from './transaction-counts.ts'

export interface TransactionParts {
  readonly world: World
  readonly config: BrokerConfig
  readonly store: Store
  readonly puts: Puts
  readonly topics: Topics
  readonly offsets: ConsumerOffsets
  readonly askers: Askers
  readonly stats: BrokerStats
  /** Where `transactionMetrics` lies. */
  readonly directory: string
}

export type Outcome = 'commit' | 'rollback'

/** What END_TRANSACTION says of a half message. */
export interface EndOfTransaction {
  readonly producerGroup: string
  /** Queue offset of the half message. */
  readonly tranStateTableOffset: number
  /** Physical offset of the half message. */
  readonly commitLogOffset: number
  readonly outcome: Outcome
  /** The producer answers CHECK_TRANSACTION_STATE. */
  readonly fromTransactionCheck: boolean
  /** What the producer calls the message or the transaction; empty when it does not say. */
  readonly ids: readonly string[]
}

/** One half message to be put at the end of the half queue. */
export interface Move {
  readonly half: DecodedMessage
  readonly checkTimes: number
  /** Of its copy. */
  readonly state: number
}

/** Properties that a copy needs beside those of the message: names, digits and separators. */
const ROOM_FOR_COPIES = 96
const OPS_PER_READ = 32
const HALF_MESSAGES_PER_READ = 32
const RETRY_LEARNING_MS = 1000
/** Hash collisions in the index are looked through, not taken for the message. */
const INDEX_CANDIDATES = 64

/**
 * Messages whose delivery depends on a transaction of their producer. They wait in RMQ_SYS_TRANS_HALF_TOPIC until the
 * producer commits or rolls back; what is decided is noted in RMQ_SYS_TRANS_OP_HALF_TOPIC; the consumer offsets of
 * CID_RMQ_SYS_TRANS say from where on both still matter. Formats and topics are Apache's, so that a store can go there
 * and back (TransactionalMessageServiceImpl.java, TransactionalMessageBridge.java, EndTransactionProcessor.java).
 */
export class Transactions implements BackgroundService {
  readonly states = new HalfStates()
  readonly counts: TransactionCounts
  readonly #parts: TransactionParts
  readonly #ops: OpLog
  readonly #checks: TransactionChecks
  /** Ends on their way to the disk, by queue offset. */
  readonly #endings = new Map<number, Promise<unknown>>()
  /** Copies on their way to the disk. */
  #moving: Promise<void> | undefined
  /** Requests come before the service is started: they wait. */
  readonly #started = Promise.withResolvers<void>()
  /** Resolves when it is known which half messages are undecided. */
  #known: Promise<void> = Promise.resolve()
  /** Below it a half message may have been committed without an op message to say so: before a crash. */
  #doubtfulBelow = 0
  /** The half queue's end when learning began. */
  #learnTo = 0
  #running: AbortController | undefined
  #round: Promise<void> | undefined
  #opTimer: Timer | undefined
  #startedMs = 0
  #progress: { readonly halfOffset: number; readonly opOffset: number; readonly physicalEnd: number } | undefined

  constructor(parts: TransactionParts) {
    this.#parts = parts
    const { world, config, store } = parts
    this.counts = new TransactionCounts(world, parts.directory)
    this.#ops = new OpLog({
      maxBytes: () => config.transactionOpMsgMaxSize,
      write: body => {
        const op = store.appendCopy(toStore(opMessage(store.storeHost, world.clock.now(), body)))
        const { queueOffset } = op
        return { queueOffset, committed: store.committed(op.physicalOffset + op.sizeBytes, false) }
      },
    })
    this.#checks = new TransactionChecks(this, parts)
  }

  /** Milliseconds since the service was started: what due times count. */
  get elapsedMs(): number {
    return this.#parts.world.clock.monotonicMs() - this.#startedMs
  }

  // ---- start and stop

  async start(): Promise<void> {
    const { store, offsets, world } = this.#parts
    const running = new AbortController()
    this.#running = running
    this.#startedMs = world.clock.monotonicMs()
    this.#doubtfulBelow = store.maxPhysicalOffset
    this.#progress = undefined
    await this.counts.load()
    this.#learnTo = store.maxOffset(TRANS_HALF_TOPIC, HALF_QUEUE_ID)
    this.states.reset(startOf(store, offsets, TRANS_HALF_TOPIC))
    this.#ops.reset(startOf(store, offsets, TRANS_OP_HALF_TOPIC))
    // Serving need not wait for it; what is said of transactions does.
    this.#known = this.#learn(running.signal)
    this.#known.catch(() => {})
    this.#round = this.#rounds(running.signal)
    this.#started.resolve()
  }

  async stop(): Promise<void> {
    const { store, world } = this.#parts
    if (!this.#running) return
    this.#running.abort()
    this.#running = undefined
    await this.#round
    await Promise.allSettled(this.#endings.values())
    this.#opTimer?.cancel()
    this.#opTimer = undefined
    try {
      this.#ops.flush()
      await store.flush()
      this.saveProgress()
      this.saveProgress()
    } catch (error) {
      world.log.warn({ error }, 'what was decided last is not noted; producers will be asked again')
    }
    await this.counts.save()
  }

  async #rounds(signal: AbortSignal): Promise<void> {
    const { world, config } = this.#parts
    await this.#known.catch(() => {})
    for (;;) {
      await world.clock.sleep(config.transactionCheckInterval, signal).catch(() => {})
      if (signal.aborted) return
      try {
        await this.#checks.round(signal)
        this.#ops.flush()
        this.saveProgress()
        await this.counts.save()
      } catch (error) {
        world.log.warn({ error }, 'a round of transaction checks ended early; the next one goes on')
      }
    }
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const { world } = this.#parts
    for (;;) {
      try {
        await this.#readOps()
        await this.#checks.lookAtAll(this.#learnTo, signal)
        return
      } catch (error) {
        if (signal.aborted) throw error
        world.log.error({ error }, 'half messages cannot be read; trying again')
        await world.clock.sleep(RETRY_LEARNING_MS, signal)
      }
    }
  }

  async #readOps(): Promise<void> {
    const { store } = this.#parts
    const end = store.maxOffset(TRANS_OP_HALF_TOPIC, HALF_QUEUE_ID)
    let at = this.#ops.neededFrom(-1)
    this.#ops.reset(at)
    while (at < end) {
      const { messages, nextOffset } = await readQueue(store, TRANS_OP_HALF_TOPIC, HALF_QUEUE_ID, at, OPS_PER_READ)
      // What lies beyond the half queue is none of its messages.
      for (const message of messages)
        for (const queueOffset of this.#ops.found(message))
          if (queueOffset < this.#learnTo) this.states.set(queueOffset, is.ENDED)
      if (nextOffset <= at) break
      at = nextOffset
    }
    this.#ops.readTo(end)
  }

  // ---- preparing

  /** Stores a producer's message where nobody sees it. Synchronous, and throws, as `Store.append`. */
  prepare(message: OutgoingMessage): Appended {
    const prepared = halfMessage(message)
    const stored = toStore(prepared)
    if (stored.properties.length + ROOM_FOR_COPIES > MAX_PROPERTIES_LENGTH)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `properties of ${encodeProperties(message.properties).length} bytes leave no room for those of a transaction: ` +
          `together they may have ${MAX_PROPERTIES_LENGTH - ROOM_FOR_COPIES} bytes`,
      )
    const appended = this.#parts.store.append(stored)
    this.counts.prepared(message.topic)
    return appended
  }

  // ---- ending

  /**
   * Commits or rolls back. Resolves when the outcome is as durable as the configuration promises: also when the same was
   * decided before, which changes nothing. Rejects with the ResponseError to answer.
   */
  async end(end: EndOfTransaction): Promise<void> {
    await this.#started.promise
    await this.#known
    if (!this.#running) throw new ResponseError('SERVICE_NOT_AVAILABLE', 'this broker does not end transactions now')
    const half = await this.#halfOf(end)
    for (let current = half; ; ) {
      if (this.#moving) {
        await this.#moving
        continue
      }
      const { queueOffset } = current
      const ending = this.#endings.get(queueOffset)
      if (ending) {
        await ending.catch(() => {})
        continue
      }
      const state = this.states.at(queueOffset)
      if (state === is.UNKNOWN || isPending(state)) return this.#end(current, state, end.outcome)
      const copyOffset = this.states.findPending(firstOffsetOf(current))
      if (copyOffset === undefined) return this.#endAgain(current, state, end.outcome)
      current = await this.readHalf(copyOffset)
    }
  }

  /** The half message that a producer speaks of, if it may (EndTransactionProcessor.java#checkPrepareMessage). */
  async #halfOf(end: EndOfTransaction): Promise<DecodedMessage> {
    const { store, config, world } = this.#parts
    const record = await store.readRecord(end.commitLogOffset)
    const half = record && decodeRecord(record)
    if (half?.topic !== TRANS_HALF_TOPIC || !isHalfMessage(half))
      throw new ResponseError(
        'SYSTEM_ERROR',
        `Find prepared transaction message failed: there is none at commitLogOffset ${end.commitLogOffset}`,
      )
    if (!end.fromTransactionCheck && answersTooLate(half, config.transactionTimeOut, world.clock.now()))
      throw new ResponseError(
        'ILLEGAL_OPERATION',
        `the ${end.outcome} comes after the ${half.properties.get(property.CHECK_IMMUNITY_TIME_IN_SECONDS)} s of ` +
          `${property.CHECK_IMMUNITY_TIME_IN_SECONDS}; the producer will be asked`,
      )
    const group = producerGroupOf(half)
    if (group !== end.producerGroup)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `The producer group wrong: ${JSON.stringify(end.producerGroup)}, the message was prepared by ${JSON.stringify(group)}`,
      )
    if (half.queueOffset !== end.tranStateTableOffset)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `The transaction state table offset wrong: ${end.tranStateTableOffset}, the message has ${half.queueOffset}`,
      )
    // After a power cut that took its half message, another one may lie in the very same place.
    const uniqKey = half.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
    if (uniqKey !== undefined && end.ids.length > 0 && !end.ids.includes(uniqKey))
      throw new ResponseError(
        'SYSTEM_ERROR',
        `The transaction id wrong: ${JSON.stringify(end.ids.join(', '))}, the message has ${JSON.stringify(uniqKey)}`,
      )
    return half
  }

  #end(half: DecodedMessage, state: number, outcome: Outcome): Promise<void> {
    const { queueOffset } = half
    if (outcome === 'rollback') {
      this.ended(queueOffset, is.ROLLED_BACK)
      this.counts.rolledBack(realTopicOf(half))
      return Promise.resolve()
    }
    this.states.set(queueOffset, is.ENDING)
    const ending = this.#commit(half).then(
      () => {
        this.ended(queueOffset, is.COMMITTED)
        this.counts.committed(realTopicOf(half), half.bornTimestamp)
      },
      error => {
        // Whether the disk has it shows later: then the producer is asked, and the index tells.
        this.#doubtfulBelow = Math.max(this.#doubtfulBelow, half.physicalOffset + 1)
        this.states.set(queueOffset, state)
        throw error
      },
    )
    this.#endings.set(queueOffset, ending)
    const forget = () => this.#endings.delete(queueOffset)
    ending.then(forget, forget)
    return ending
  }

  async #commit(half: DecodedMessage): Promise<void> {
    if (await this.#wasCommitted(half)) return
    const { sizeBytes } = await this.#parts.puts.put(committedMessage(half))
    this.#parts.stats.put(realTopicOf(half), 1, sizeBytes)
  }

  /** Whether an earlier process, or a disk that failed for a while, has it committed without an op message to say so. */
  async #wasCommitted(half: DecodedMessage): Promise<boolean> {
    return half.physicalOffset < this.#doubtfulBelow && this.#isDelivered(half, half.physicalOffset)
  }

  /** Resolves with true when the half message turns out to be committed: nobody needs to be asked then. */
  async foundCommitted(half: DecodedMessage): Promise<boolean> {
    if (!(await this.#wasCommitted(half))) return false
    if (isPending(this.states.at(half.queueOffset))) this.ended(half.queueOffset, is.COMMITTED)
    return true
  }

  /** Apache stores a message once more for each commit it is told of; what is known to be decided stays decided here. */
  async #endAgain(half: DecodedMessage, state: number, outcome: Outcome): Promise<void> {
    let delivered = state === is.COMMITTED
    // Of one that was put back the copy knows.
    if (state === is.ENDED || state === is.MOVED) delivered = await this.#isDelivered(half)
    if (outcome === 'commit' ? delivered : !delivered) return
    throw new ResponseError(
      'ILLEGAL_OPERATION',
      `the transaction of the half message at queue offset ${half.queueOffset} has ended ` +
        `${delivered ? 'with a commit' : 'without a commit'}; a ${outcome} comes too late`,
    )
  }

  /** Whether the index knows the committed message; with `preparedOffset` the one made of exactly that half message. */
  async #isDelivered(half: DecodedMessage, preparedOffset?: number): Promise<boolean> {
    const { store, world } = this.#parts
    const uniqKey = half.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
    if (!uniqKey) return false
    const topics = [realTopicOf(half)]
    if (half.properties.has(property.DELAY_TIME_LEVEL)) topics.push(SCHEDULE_TOPIC)
    if ([...half.properties.keys()].some(name => name.startsWith('TIMER_')))
      topics.push(`${SYSTEM_TOPIC_PREFIX}wheel_timer`)
    for (const topic of topics) {
      const from = Math.min(half.bornTimestamp, half.storeTimestamp) - 1000
      const found = await store.queryIndex(topic, uniqKey, INDEX_CANDIDATES, from, world.clock.now() + 1000)
      for (const physicalOffset of found.physicalOffsets) {
        const record = await store.readRecord(physicalOffset)
        const message = record && decodeRecord(record)
        if (!message || message.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX) !== uniqKey) continue
        if (transactionType(message.sysFlag) !== 'COMMIT') continue
        if (preparedOffset === undefined || message.preparedTransactionOffset === preparedOffset) return true
      }
    }
    return false
  }

  /** Notes an end for good: in memory now, in the op queue with the next op message. */
  ended(queueOffset: number, state: number): void {
    const { world, config } = this.#parts
    this.states.set(queueOffset, state)
    this.#ops.add(queueOffset)
    if (!this.#running || !this.#ops.waiting) return
    this.#opTimer ??= world.clock.setTimeout(() => this.#writeOps(), config.transactionOpBatchInterval)
  }

  #writeOps(): void {
    const { world, config } = this.#parts
    this.#opTimer = undefined
    if (!this.#running) return
    try {
      this.#ops.flush()
      this.saveProgress()
    } catch (error) {
      world.log.warn({ error }, 'decided transactions cannot be noted; trying again')
      this.#opTimer = world.clock.setTimeout(() => this.#writeOps(), config.transactionOpBatchInterval)
    }
  }

  // ---- moving, for checks

  /** Resolves with the half message at a queue offset. Rejects with ResponseError when it cannot be read. */
  async readHalf(queueOffset: number): Promise<DecodedMessage> {
    const { messages } = await readQueue(this.#parts.store, TRANS_HALF_TOPIC, HALF_QUEUE_ID, queueOffset, 1)
    const [half] = messages
    if (half?.queueOffset !== queueOffset)
      throw new ResponseError('SYSTEM_ERROR', `Find prepared transaction message failed: queue offset ${queueOffset}`)
    return half
  }

  /**
   * Puts half messages at the end of their queue; those that have been decided meanwhile are left out, and those that the
   * store refuses (maxMessageSize was lowered) stay where they are, so that others get their turn. Resolves with the
   * copies, when they can be read. Rejects when the store takes no messages: then the originals count again.
   */
  async putBack(moves: readonly Move[]): Promise<readonly DecodedMessage[]> {
    const { store, world } = this.#parts
    const done: { readonly move: Move; readonly copy: Appended }[] = []
    let failure: unknown
    for (const move of moves) {
      const { half, checkTimes, state } = move
      if (!isPending(this.states.at(half.queueOffset))) continue
      try {
        const copy = store.appendCopy(toStore(putBack(half, checkTimes)))
        this.states.set(half.queueOffset, is.MOVED)
        this.states.setPending(copy.queueOffset, state, firstOffsetOf(half))
        done.push({ move, copy: { ...copy } })
      } catch (error) {
        if (isRefused(error)) {
          world.log.error({ error, queueOffset: half.queueOffset }, 'a half message cannot be put back')
          this.states.set(half.queueOffset, state)
          continue
        }
        failure = error
        break
      }
    }
    const last = done.at(-1)?.copy
    // A producer that is asked about a copy answers at once: by then it has to be readable.
    if (last) await this.#moved(done, store.committed(last.physicalOffset + last.sizeBytes, true))
    if (failure) throw failure
    const copies: DecodedMessage[] = []
    for (const { copy } of done) {
      const record = await store.readRecord(copy.physicalOffset)
      if (record) copies.push(decodeRecord(record))
    }
    return copies
  }

  async #moved(
    done: readonly { readonly move: Move; readonly copy: Appended }[],
    committed: Promise<unknown>,
  ): Promise<void> {
    const moved = committed.then(
      () => {
        // Should this broker die, the original is not taken for another undecided one.
        for (const { move } of done) this.ended(move.half.queueOffset, is.MOVED)
      },
      error => {
        for (const { move, copy } of done) {
          // The next message may get the copy's place.
          this.states.set(copy.queueOffset, is.UNKNOWN)
          this.states.set(move.half.queueOffset, dueAt(this.elapsedMs))
        }
        throw error
      },
    )
    this.#moving = moved.catch(() => {})
    try {
      await moved
    } finally {
      this.#moving = undefined
    }
  }

  /** Moves a half message that nobody is asked about any more to TRANS_CHECK_MAX_TIME_TOPIC. */
  async setAside(half: DecodedMessage): Promise<void> {
    const { store, topics, world } = this.#parts
    await topics.createInternal(TRANS_CHECK_MAX_TIME_TOPIC, 1)
    const before = this.states.at(half.queueOffset)
    if (!isPending(before)) return
    this.states.set(half.queueOffset, is.ENDING)
    const ending = store.putCopy(toStore(setAsideMessage(half)), false).then(
      () => {
        this.ended(half.queueOffset, is.GONE)
        this.counts.setAside(realTopicOf(half))
      },
      error => {
        this.states.set(half.queueOffset, before)
        throw error
      },
    )
    this.#endings.set(half.queueOffset, ending)
    await ending.finally(() => this.#endings.delete(half.queueOffset))
    world.log.warn(
      {
        topic: realTopicOf(half),
        uniqKey: half.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
        producerGroup: producerGroupOf(half),
        checkTimes: checkTimesOf(half),
      },
      `a half message is undecided for too long: it lies in ${TRANS_CHECK_MAX_TIME_TOPIC} now`,
    )
  }

  /**
   * RESUME_CHECK_HALF_MESSAGE: a message that was set aside becomes a half message again, with all its checks before it.
   * Rejects with ResponseError when there is none at `physicalOffset`.
   */
  async resume(physicalOffset: number): Promise<void> {
    const { store } = this.#parts
    const record = await store.readRecord(physicalOffset)
    const message = record && decodeRecord(record)
    if (message?.topic !== TRANS_CHECK_MAX_TIME_TOPIC || !isHalfMessage(message))
      throw new ResponseError(
        'SYSTEM_ERROR',
        `no message of ${TRANS_CHECK_MAX_TIME_TOPIC} lies at physical offset ${physicalOffset}` +
          (message?.topic === TRANS_HALF_TOPIC ? ': the half message there is not set aside' : ''),
      )
    await store.putCopy(toStore(resumedMessage(message)))
    this.counts.prepared(realTopicOf(message))
  }

  // ---- progress

  /**
   * Lets the consumer offsets follow. They are saved before the log is synced, and must never say that something has
   * ended whose end a power cut can still take: so what is true now counts once the disk has all of it.
   */
  saveProgress(): void {
    const { store, offsets } = this.#parts
    const due = this.#progress
    if (due && store.finalOffset >= due.physicalEnd) {
      offsets.commit(TRANSACTION_GROUP, TRANS_HALF_TOPIC, HALF_QUEUE_ID, due.halfOffset)
      offsets.commit(TRANSACTION_GROUP, TRANS_OP_HALF_TOPIC, HALF_QUEUE_ID, due.opOffset)
      this.#progress = undefined
    }
    if (this.#progress) return
    this.states.advance(store.maxOffset(TRANS_HALF_TOPIC, HALF_QUEUE_ID))
    const halfOffset = this.states.base
    this.#progress = { halfOffset, opOffset: this.#ops.neededFrom(halfOffset), physicalEnd: store.maxPhysicalOffset }
  }

  /** How many half messages are read at once. */
  static readonly perRead = HALF_MESSAGES_PER_READ
}

/** Whether the store does not take just this message. */
export const isRefused = (error: unknown) => error instanceof ResponseError && error.status === 'MESSAGE_ILLEGAL'

/** Where a queue is to be read from: never outside of it, whatever was saved. */
function startOf(store: Store, offsets: ConsumerOffsets, topic: string): number {
  const min = store.minOffset(topic, HALF_QUEUE_ID)
  const saved = offsets.query(TRANSACTION_GROUP, topic, HALF_QUEUE_ID) ?? min
  return Math.min(Math.max(saved, min), store.maxOffset(topic, HALF_QUEUE_ID))
}
