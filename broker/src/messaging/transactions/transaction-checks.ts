import type { BrokerConfig } from '@rocketcluster/config'
import { type DecodedMessage, TRANS_HALF_TOPIC } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import type { Store } from '../../store/store.ts'
import { readQueue } from '../read-queue.ts'
import type { Askers } from './askers.ts'
import { checkDueMs, isGivenUp, pauseMs } from './check-schedule.ts'
import { checkTimesOf, firstOffsetOf, HALF_QUEUE_ID, isHalfMessage, producerGroupOf } from './half-message.ts'
import { dueAt, half as is, isDue, isPending, isWaiting, waitingUntil } from './half-states.ts'
import { isRefused, type Move, type Transactions } from './transactions.ts'

/** Half messages read, put back and asked about together. */
const BATCH = 32
/** A round ends after that time, and the next one goes on (TransactionalMessageServiceImpl.java MAX_PROCESS_TIME_LIMIT). */
const LONGEST_ROUND_MS = 60_000
/** A producer answers checks in a pool with a queue of 2000 and drops what does not fit: no more than a thousand a second. */
const PAUSE_PER_CHECK_MS = 1
/** How often a message without a producer is looked at: it may have become too old. */
const WAIT_MS = 600_000
const MAX_ABSENT_GROUPS = 10_000
/** From this span on, a few old undecided messages among many ended ones are put back, so that memory stays small. */
const WINDOW = 1 << 20
const MOVES_PER_ROUND = 16_384

interface CheckParts {
  readonly world: World
  readonly config: BrokerConfig
  readonly store: Store
  readonly askers: Askers
}

/**
 * Looks for half messages that are undecided for too long and asks their producers (TransactionalMessageCheckService.java).
 * Each message is read once to learn when it is due, and once when it is: in between a round only walks over numbers.
 */
export class TransactionChecks {
  readonly #transactions: Transactions
  readonly #parts: CheckParts
  /** All half messages before it have been looked at, or are ended. */
  #looked = 0
  /** Producer groups that nobody could be asked of. */
  readonly #absent = new Set<string>()

  constructor(transactions: Transactions, parts: CheckParts) {
    this.#transactions = transactions
    this.#parts = parts
  }

  // ---- looking

  /**
   * What an earlier process left: everything up to `end`. Of two undecided copies of one message, which only a crash
   * leaves, the later one counts. Rejects with ResponseError when the disk fails, or when `signal` is aborted.
   */
  async lookAtAll(end: number, signal: AbortSignal): Promise<void> {
    const { states } = this.#transactions
    const newest = new Map<number, number>()
    this.#looked = states.base
    this.#absent.clear()
    await this.#look(end, signal, half => {
      this.#learn(half)
      const first = firstOffsetOf(half)
      if (first === half.queueOffset) return true
      const before = newest.get(first) ?? first
      if (isPending(states.at(before))) this.#transactions.ended(before, is.MOVED)
      newest.set(first, half.queueOffset)
      return true
    })
  }

  /** `see` returns false to end. */
  async #look(end: number, signal: AbortSignal, see: (half: DecodedMessage) => boolean): Promise<void> {
    const { store, world } = this.#parts
    const { states } = this.#transactions
    while (this.#looked < end) {
      if (states.at(this.#looked) !== is.UNKNOWN) {
        this.#looked++
        continue
      }
      signal.throwIfAborted()
      const read = await readQueue(store, TRANS_HALF_TOPIC, HALF_QUEUE_ID, this.#looked, BATCH)
      for (const half of read.messages) {
        this.#skipTo(Math.min(half.queueOffset, end))
        if (this.#looked >= end) return
        if (states.at(half.queueOffset) === is.UNKNOWN && !see(half)) return
        this.#looked = half.queueOffset + 1
      }
      if (read.messages.length === 0 && read.nextOffset <= this.#looked) return
      this.#skipTo(Math.min(read.nextOffset, end))
      await turn(world)
    }
  }

  /** What lies between is not in the store any more. */
  #skipTo(queueOffset: number): void {
    const { states } = this.#transactions
    let missing = 0
    for (; this.#looked < queueOffset; this.#looked++) {
      if (states.at(this.#looked) !== is.UNKNOWN) continue
      states.set(this.#looked, is.GONE)
      missing++
    }
    if (missing > 0)
      this.#parts.world.log.error(
        { missing, before: queueOffset },
        'undecided half messages are not in the store any more',
      )
  }

  #learn(half: DecodedMessage): void {
    const { states, elapsedMs } = this.#transactions
    const { config, world } = this.#parts
    if (!isHalfMessage(half)) {
      states.set(half.queueOffset, is.GONE)
      return
    }
    const dueMs = isGivenUp(half, config, world.clock.now()) ? 0 : checkDueMs(half, config) - world.clock.now()
    states.setPending(half.queueOffset, dueAt(elapsedMs + Math.max(0, dueMs)), firstOffsetOf(half))
  }

  // ---- checking

  /** Rejects when the store takes no messages or cannot be read; the next round goes on where this one stopped. */
  async round(signal: AbortSignal): Promise<void> {
    const { store, world, config } = this.#parts
    const { states } = this.#transactions
    const endMs = this.#transactions.elapsedMs + LONGEST_ROUND_MS
    this.#markCleaned(store.minOffset(TRANS_HALF_TOPIC, HALF_QUEUE_ID))
    this.#looked = Math.max(this.#looked, states.base)
    const youngSince = world.clock.now() - config.transactionTimeOut
    await this.#look(store.maxOffset(TRANS_HALF_TOPIC, HALF_QUEUE_ID), signal, half => {
      // What comes behind a young one is younger: most of them are decided before anybody needs to read them.
      if (half.storeTimestamp > youngSince && checkDueMs(half, config) > world.clock.now()) return false
      this.#learn(half)
      return true
    })
    this.#wakeWaiting()
    const end = this.#looked
    let due: number[] = []
    let pending = 0
    for (let queueOffset = states.base; queueOffset < end; queueOffset++) {
      const state = states.at(queueOffset)
      if (isPending(state)) pending++
      if (isDue(state, this.#transactions.elapsedMs)) due.push(queueOffset)
      if (due.length < BATCH && queueOffset < end - 1) continue
      if (due.length === 0) continue
      if (signal.aborted || this.#transactions.elapsedMs > endMs) return
      await this.#check(due)
      due = []
    }
    if (end - states.base > WINDOW && pending * 2 < end - states.base) await this.#makeRoom(end, signal)
  }

  #markCleaned(minOffset: number): void {
    const { states } = this.#transactions
    let lost = 0
    for (let queueOffset = states.base; queueOffset < Math.min(minOffset, states.end); queueOffset++) {
      if (!isPending(states.at(queueOffset))) continue
      states.set(queueOffset, is.GONE)
      lost++
    }
    if (lost > 0)
      this.#parts.world.log.error({ lost }, 'undecided half messages were cleaned from the log before anybody answered')
  }

  /** When a producer of a group that was away is back, all that wait are looked at. */
  #wakeWaiting(): void {
    const { states, elapsedMs } = this.#transactions
    let back = false
    for (const group of this.#absent) {
      if (!this.#parts.askers.hasProducer(group)) continue
      this.#absent.delete(group)
      back = true
    }
    if (!back) return
    for (let queueOffset = states.base; queueOffset < this.#looked; queueOffset++)
      if (isWaiting(states.at(queueOffset))) states.set(queueOffset, dueAt(elapsedMs - 1000))
  }

  async #check(due: readonly number[]): Promise<void> {
    const { world, config, askers } = this.#parts
    const transactions = this.#transactions
    const moves: Move[] = []
    for (const half of await this.#read(due)) {
      const { queueOffset } = half
      if (!isPending(transactions.states.at(queueOffset))) continue
      const now = world.clock.now()
      const group = producerGroupOf(half)
      const dueMs = checkDueMs(half, config)
      if (isGivenUp(half, config, now)) {
        if (!(await transactions.foundCommitted(half))) await this.#setAside(half)
      } else if (dueMs > now) transactions.states.set(queueOffset, dueAt(transactions.elapsedMs + dueMs - now))
      else if (!askers.hasProducer(group)) this.#wait(queueOffset, group)
      else if (!(await transactions.foundCommitted(half))) {
        const checkTimes = checkTimesOf(half) + 1
        const state = dueAt(transactions.elapsedMs + pauseMs(checkTimes, config))
        moves.push({ half, checkTimes, state })
      }
    }
    if (moves.length > 0) {
      const copies = await transactions.putBack(moves)
      // A check of which nobody has heard: it counts, as it does in Apache; the next one comes.
      for (const copy of copies) askers.ask(copy)
      await world.clock.sleep(moves.length * PAUSE_PER_CHECK_MS)
    } else await turn(world)
  }

  /** One that the store refuses is tried again, and does not keep others from being looked at. */
  async #setAside(half: DecodedMessage): Promise<void> {
    const { config, world } = this.#parts
    const { queueOffset } = half
    try {
      await this.#transactions.setAside(half)
    } catch (error) {
      if (!isRefused(error)) throw error
      world.log.error({ error, queueOffset }, 'a half message cannot be set aside')
      const { states, elapsedMs } = this.#transactions
      if (isPending(states.at(queueOffset)))
        states.set(queueOffset, dueAt(elapsedMs + pauseMs(Math.max(1, checkTimesOf(half)), config)))
    }
  }

  /** Not asked, not counted, and nothing written: the producers may be away for long. */
  #wait(queueOffset: number, group: string): void {
    const { states, elapsedMs } = this.#transactions
    if (this.#absent.size < MAX_ABSENT_GROUPS) this.#absent.add(group)
    const waitMs = this.#absent.has(group) ? WAIT_MS : this.#parts.config.transactionCheckInterval
    states.set(queueOffset, waitingUntil(elapsedMs + waitMs))
  }

  async #read(offsets: readonly number[]): Promise<DecodedMessage[]> {
    const { store, world } = this.#parts
    const { states } = this.#transactions
    const found: DecodedMessage[] = []
    for (let i = 0; i < offsets.length; ) {
      const first = offsets[i]!
      let run = 1
      while (offsets[i + run] === first + run) run++
      const { messages } = await readQueue(store, TRANS_HALF_TOPIC, HALF_QUEUE_ID, first, run)
      const wanted = messages.filter(({ queueOffset }) => queueOffset >= first && queueOffset < first + run)
      if (wanted[0]?.queueOffset !== first) {
        world.log.error({ queueOffset: first }, 'a half message cannot be found any more')
        if (isPending(states.at(first))) states.set(first, is.GONE)
        i++
        continue
      }
      found.push(...wanted)
      i += wanted.at(-1)!.queueOffset - first + 1
    }
    return found
  }

  /** Old undecided ones keep the states of all that came after them in memory. */
  async #makeRoom(end: number, signal: AbortSignal): Promise<void> {
    const { states } = this.#transactions
    let moved = 0
    let batch: number[] = []
    for (let queueOffset = states.base; queueOffset < end && end - queueOffset > WINDOW / 2; queueOffset++) {
      if (isPending(states.at(queueOffset))) batch.push(queueOffset)
      if (batch.length < BATCH) continue
      if (signal.aborted || moved > MOVES_PER_ROUND) return
      moved += batch.length
      await this.#move(batch)
      batch = []
    }
    await this.#move(batch)
  }

  async #move(offsets: readonly number[]): Promise<void> {
    const { states } = this.#transactions
    const moves: Move[] = []
    for (const half of await this.#read(offsets))
      if (!(await this.#transactions.foundCommitted(half)))
        moves.push({ half, checkTimes: checkTimesOf(half), state: states.at(half.queueOffset) })
    await this.#transactions.putBack(moves)
  }
}

/** Lets what waits be served before going on. */
const turn = (world: World) => new Promise<void>(resolve => void world.clock.setImmediate(resolve))
