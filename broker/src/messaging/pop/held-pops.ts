import type { Arrival } from '../../store/types.ts'

/** Why a pop that waited goes on: a message may be there, its time is up, or its connection is gone or about to be. */
export type Woken = 'arrived' | 'timeout' | 'gone'

export interface HeldPop {
  /** The connection that waits; ends the wait when it closes. */
  readonly connectionId: number
  readonly topic: string
  readonly group: string
  /** -1 waits for any queue. */
  readonly queueId: number
  /** The group's retry topics of `topic`: what arrives there concerns it too. */
  readonly retryTopics: readonly string[]
  /** In the clock's monotonic milliseconds. */
  readonly deadlineMs: number
  /** Whether this consume-queue entry is one the consumer asked for. */
  matches(tagsCode: number): boolean
}

interface Waiting {
  readonly pop: HeldPop
  readonly key: string
  readonly wake: (why: Woken) => void
}

export interface HeldPopsLimits {
  /** Of one group in one queue; live. */
  readonly popPollingSize: number
  /** Of all; live. */
  readonly maxPopPollingSize: number
  /** A message at each such offset wakes somebody even when it does not match, so that the group's offset moves on. 0: never. */
  readonly popLongPollingForceNotifyInterval: number
}

/** Waiters that are asked whether they want a message before it is left for the next pop. */
const ASKED = 8

/**
 * Pops that wait for a message (PopLongPollingService.java). A message wakes one waiter of each group: the others would find
 * nothing. Who waits for any queue goes first, then who waits for the message's own; the earliest deadline first.
 */
export class HeldPops {
  readonly #limits: HeldPopsLimits
  /** By `topic@group@queueId`, the earliest deadline first. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** topic → groups with somebody waiting, and how many. */
  readonly #groups = new Map<string, Map<string, number>>()
  /** retry topic → whom it belongs to, as long as somebody waits. */
  readonly #retryTopics = new Map<string, { topic: string; group: string; count: number }>()
  readonly #byConnection = new Map<number, Set<Waiting>>()
  #size = 0
  /** Nobody's time is up before. */
  #nextDeadlineMs = Number.POSITIVE_INFINITY
  #closed = false

  constructor(limits: HeldPopsLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  /** How many wait with these very words. */
  countOf(topic: string, group: string, queueId: number): number {
    return this.#waiting.get(`${topic}@${group}@${queueId}`)?.length ?? 0
  }

  /** Resolves when it should look again. 'full' when too many wait already. */
  hold(pop: HeldPop): Promise<Woken> | 'full' {
    if (this.#closed) return Promise.resolve('gone')
    const key = `${pop.topic}@${pop.group}@${pop.queueId}`
    const others = this.#waiting.get(key)
    const { popPollingSize, maxPopPollingSize } = this.#limits
    if (this.#size >= maxPopPollingSize || (others?.length ?? 0) > popPollingSize) return 'full'
    return new Promise(resolve => {
      const waiting: Waiting = { pop, key, wake: resolve }
      if (others === undefined) this.#waiting.set(key, [waiting])
      else {
        let at = others.length
        while (at > 0 && others[at - 1]!.pop.deadlineMs > pop.deadlineMs) at--
        others.splice(at, 0, waiting)
      }
      this.#size++
      this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, pop.deadlineMs)
      const groups = this.#groups.get(pop.topic) ?? new Map<string, number>()
      groups.set(pop.group, (groups.get(pop.group) ?? 0) + 1)
      this.#groups.set(pop.topic, groups)
      for (const retryTopic of pop.retryTopics) {
        const known = this.#retryTopics.get(retryTopic)
        if (known) known.count++
        else this.#retryTopics.set(retryTopic, { topic: pop.topic, group: pop.group, count: 1 })
      }
      const ofConnection = this.#byConnection.get(pop.connectionId) ?? new Set()
      ofConnection.add(waiting)
      this.#byConnection.set(pop.connectionId, ofConnection)
    })
  }

  /** A listener of `arrivals`. */
  arrived(arrivals: readonly Arrival[]): void {
    if (this.#size === 0) return
    for (const { topic, queueId, maxOffset, tagsCode } of arrivals) {
      const groups = this.#groups.get(topic)
      if (groups !== undefined) {
        const interval = this.#limits.popLongPollingForceNotifyInterval
        const tag = interval > 0 && (maxOffset - 1) % interval === 0 ? undefined : tagsCode
        for (const group of [...groups.keys()]) {
          this.#wakeOne(`${topic}@${group}@-1`, tag)
          this.#wakeOne(`${topic}@${group}@${queueId}`, tag)
        }
      }
      if (this.#retryTopics.size === 0) continue
      const owner = this.#retryTopics.get(topic)
      if (owner !== undefined) this.notify(owner.topic, owner.group)
    }
  }

  /** Wakes one waiter of the group: there may be something for it in this queue, or with -1 in any. */
  notify(topic: string, group: string, queueId = -1): void {
    if (this.#groups.get(topic)?.has(group) !== true) return
    if (this.#wakeOne(`${topic}@${group}@-1`)) return
    if (queueId >= 0) {
      this.#wakeOne(`${topic}@${group}@${queueId}`)
      return
    }
    // A retry topic belongs to everybody, whichever queue they wait for.
    const prefix = `${topic}@${group}@`
    for (const key of this.#waiting.keys()) if (key.startsWith(prefix) && this.#wakeOne(key)) return
  }

  /** Wakes one waiter with exactly this queue id. */
  notifyExactly(topic: string, group: string, queueId: number): void {
    this.#wakeOne(`${topic}@${group}@${queueId}`)
  }

  #wakeOne(key: string, tagsCode?: number): boolean {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return false
    for (let i = 0; i < waiting.length && i < ASKED; i++) {
      const one = waiting[i]!
      if (tagsCode !== undefined && !one.pop.matches(tagsCode)) continue
      this.#release(one, 'arrived')
      return true
    }
    return false
  }

  /** Ends the waits of a connection that is gone. */
  connectionClosed(connectionId: number): void {
    for (const waiting of [...(this.#byConnection.get(connectionId) ?? [])]) this.#release(waiting, 'gone')
  }

  /** Wakes those whose time is up. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextDeadlineMs) return
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY
    for (const waiting of [...this.#waiting.values()]) {
      while (waiting.length > 0 && waiting[0]!.pop.deadlineMs <= nowMs) this.#release(waiting[0]!, 'timeout')
      if (waiting.length > 0) this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, waiting[0]!.pop.deadlineMs)
    }
  }

  /** Wakes everybody, and holds nobody from now on: the broker stops. */
  close(): void {
    this.#closed = true
    for (const waiting of [...this.#waiting.values()]) while (waiting.length > 0) this.#release(waiting[0]!, 'gone')
  }

  #release(waiting: Waiting, why: Woken): void {
    const { pop, key } = waiting
    const queue = this.#waiting.get(key)
    const at = queue?.indexOf(waiting) ?? -1
    if (queue === undefined || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) this.#waiting.delete(key)
    this.#size--
    const groups = this.#groups.get(pop.topic)
    const left = (groups?.get(pop.group) ?? 1) - 1
    if (left > 0) groups?.set(pop.group, left)
    else if (groups?.delete(pop.group) && groups.size === 0) this.#groups.delete(pop.topic)
    for (const retryTopic of pop.retryTopics) {
      const known = this.#retryTopics.get(retryTopic)
      if (known !== undefined && --known.count === 0) this.#retryTopics.delete(retryTopic)
    }
    const ofConnection = this.#byConnection.get(pop.connectionId)
    if (ofConnection?.delete(waiting) && ofConnection.size === 0) this.#byConnection.delete(pop.connectionId)
    waiting.wake(why)
  }
}
