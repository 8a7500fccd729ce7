import type { MessageQueue } from '@rocketcluster/protocol'
import type { Clock } from '@rocketcluster/world'

/** REBALANCE_LOCK_MAX_LIVE_TIME of RebalanceLockManager.java: clients renew every 20 s, and trust a lock for 30 s. */
export const LOCK_MAX_LIVE_MS = 60_000

interface Lock {
  clientId: string
  /** Monotonic; the lock counts up to and with this moment. */
  liveUntilMs: number
}

/**
 * Which member of a consumer group may consume a queue in order. A lock is its holder's until 60 s have passed without
 * renewal, or the holder gives it back; nothing of it survives a restart (RebalanceLockManager.java).
 *
 * A closed connection frees nothing: the client may live on behind a broken one, and goes on consuming what it holds in
 * memory. Were its queue given away at once, two members would consume the same keys.
 */
export class OrderLocks {
  readonly #clock: Clock
  /** Consumer group → queue → who holds it. */
  readonly #groups = new Map<string, Map<string, Lock>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes or renews locks. Returns those of `queues` that are the client's now, in their order. */
  lock(group: string, clientId: string, queues: readonly MessageQueue[]): MessageQueue[] {
    const now = this.#clock.monotonicMs()
    let locks = this.#groups.get(group)
    if (!locks) this.#groups.set(group, (locks = new Map()))
    const taken: MessageQueue[] = []
    for (const queue of queues) {
      const key = keyOf(queue)
      const held = locks.get(key)
      if (held && held.clientId !== clientId && held.liveUntilMs >= now) continue
      locks.set(key, { clientId, liveUntilMs: now + LOCK_MAX_LIVE_MS })
      taken.push(queue)
    }
    if (locks.size === 0) this.#groups.delete(group)
    return taken
  }

  /** Gives back what is the client's; what is another's, or nobody's, stays as it is. */
  unlock(group: string, clientId: string, queues: readonly MessageQueue[]): void {
    const locks = this.#groups.get(group)
    if (!locks) return
    for (const queue of queues) {
      const key = keyOf(queue)
      if (locks.get(key)?.clientId === clientId) locks.delete(key)
    }
    if (locks.size === 0) this.#groups.delete(group)
  }

  /** All that a client holds in a group: it has said itself that it consumes no more. */
  leave(group: string, clientId: string): void {
    const locks = this.#groups.get(group)
    if (!locks) return
    for (const [key, held] of locks) if (held.clientId === clientId) locks.delete(key)
    if (locks.size === 0) this.#groups.delete(group)
  }

  /** Who holds the queue now; undefined when nobody does. */
  holder(group: string, queue: MessageQueue): string | undefined {
    const held = this.#groups.get(group)?.get(keyOf(queue))
    return held && held.liveUntilMs >= this.#clock.monotonicMs() ? held.clientId : undefined
  }

  /** Whether any member of the group holds a queue now: the group consumes in order. */
  anyHeld(group: string): boolean {
    const now = this.#clock.monotonicMs()
    for (const { liveUntilMs } of this.#groups.get(group)?.values() ?? []) if (liveUntilMs >= now) return true
    return false
  }

  /** Locks kept, expired ones too. */
  get size(): number {
    let size = 0
    for (const locks of this.#groups.values()) size += locks.size
    return size
  }

  /** Forgets what has expired: groups that nobody is a member of any more must not stay for ever. */
  expire(): void {
    const now = this.#clock.monotonicMs()
    for (const [group, locks] of this.#groups) {
      for (const [key, held] of locks) if (held.liveUntilMs < now) locks.delete(key)
      if (locks.size === 0) this.#groups.delete(group)
    }
  }
}

/** A topic's name has no blank in it. */
const keyOf = ({ brokerName, topic, queueId }: MessageQueue) => `${queueId} ${topic} ${brokerName}`
