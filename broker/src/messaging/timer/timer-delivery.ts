import { ResponseError } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import type { BrokerStats } from '../../stats.ts'
import type { Store } from '../../store/store.ts'
import type { Appended, PutStatus } from '../../store/types.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import type { Puts } from '../puts.ts'
import { leavingWheel, withoutTimes } from './timed-message.ts'

/** A message that leaves the wheel. */
export interface Leaving {
  readonly record: Buffer
  readonly physicalOffset: number
  /** TIMER_ENQUEUE_MS. */
  readonly enqueueMs: string
  /** Not delivered yet, but put into the timer's topic once more. */
  readonly rolls: boolean
  /** From when on it may leave. It was due when it was read, but clocks are put back. */
  readonly dueMs: number
}

/** How long to wait when the store takes nothing. */
const REFUSED_MS = 200

/** Puts messages where they are to go, in order, and as often as it takes: what the store refuses is tried again. */
export class TimerDelivery {
  readonly #world: World
  readonly #store: Store
  readonly #puts: Puts
  readonly #stats: BrokerStats
  readonly #stopping: () => boolean
  readonly #pause: (ms: number) => Promise<void>

  #rolledTo = 0
  #rollingTo = 0

  constructor(parts: {
    world: World
    store: Store
    puts: Puts
    stats: BrokerStats
    stopping: () => boolean
    pause: (ms: number) => Promise<void>
  }) {
    this.#world = parts.world
    this.#store = parts.store
    this.#puts = parts.puts
    this.#stats = parts.stats
    this.#stopping = parts.stopping
    this.#pause = parts.pause
  }

  /** Where the timer topic's queue goes on behind what has rolled: it may take a moment until that can be read. */
  get rolledTo(): number {
    return this.#rolledTo
  }

  /**
   * Resolves to true when the disk has taken all of them; to false when the timer stops before that. `done` hears of how many
   * more are in the log: they are on stable storage when the store has synced up to there.
   */
  async deliver(messages: readonly Leaving[], done: (count: number) => void = () => {}): Promise<boolean> {
    let next = 0
    let warned = false
    while (next < messages.length) {
      if (this.#stopping()) return false
      const commits = new Set<Promise<PutStatus>>()
      this.#rollingTo = 0
      let end = next
      let refusal: unknown
      try {
        for (; end < messages.length; end++) {
          if (messages[end]!.dueMs > this.#world.clock.now()) throw new Error('the clock was put back')
          this.#append(messages[end]!, commits)
        }
      } catch (error) {
        refusal = error
      }
      try {
        await Promise.all(commits)
        this.#rolledTo = Math.max(this.#rolledTo, this.#rollingTo)
        done(end - next)
        next = end
      } catch (error) {
        refusal = error
      }
      if (refusal === undefined) continue
      if (!warned)
        this.#world.log.warn(
          { error: refusal, left: messages.length - next },
          'timed messages that are due have to wait',
        )
      warned = true
      await this.#pause(REFUSED_MS)
    }
    return true
  }

  /** Throws what is worth another try. */
  #append({ record, physicalOffset, enqueueMs, rolls }: Leaving, commits: Set<Promise<PutStatus>>): void {
    let message: OutgoingMessage
    try {
      message = leavingWheel(record, enqueueMs, this.#world.clock.now(), rolls)
    } catch (error) {
      this.#world.log.error({ error, physicalOffset }, 'a timed message is damaged and cannot be delivered')
      return
    }
    const appended = this.#put(message, physicalOffset)
    if (appended === undefined) return
    // As in Apache its sync is not waited for: progress is saved only when the log is synced.
    commits.add(this.#store.committed(appended.physicalOffset + appended.sizeBytes, false))
    if (rolls) this.#rollingTo = appended.queueOffset + 1
    this.#stats.put(message.topic, 1, appended.sizeBytes)
  }

  #put(message: OutgoingMessage, physicalOffset: number): Appended | undefined {
    try {
      return this.#puts.append(message)
    } catch (error) {
      if (!isForGood(error)) throw error
    }
    try {
      // It was stored, so it fits but for what the wheel has added.
      return this.#puts.append(withoutTimes(message))
    } catch (error) {
      if (!isForGood(error)) throw error
      this.#world.log.error(
        { error, topic: message.topic, physicalOffset },
        'the store takes a timed message no more (was maxMessageSize made smaller?): it is left out',
      )
      return undefined
    }
  }
}

const isForGood = (error: unknown): boolean => error instanceof ResponseError && error.status === 'MESSAGE_ILLEGAL'
