import type { Arrival } from '../store/types.ts'

/** A pull that waits for a message. `wake` is called once, with true when one may be there, false when time is up. */
export interface HeldPull {
  /** The connection that waits; ends the wait when it closes. */
  readonly connectionId: number
  readonly topic: string
  readonly queueId: number
  /** The first queue offset it wants. */
  readonly queueOffset: number
  /** In the clock's monotonic milliseconds. */
  readonly deadlineMs: number
  /** Whether this consume-queue entry is one the consumer asked for. */
  matches(tagsCode: number): boolean
  wake(arrived: boolean): void
}

/**
 * Long polling (PullRequestHoldService.java): pulls that found nothing stay here until a message arrives in their
 * queue or their time is up. Costs nothing per message for queues that nobody waits for.
 */
export class HeldPulls {
  readonly #queues = new Map<string, Map<number, Set<HeldPull>>>()
  readonly #byConnection = new Map<number, Set<HeldPull>>()
  #size = 0
  #closed = false

  get size(): number {
    return this.#size
  }

  /** With `closed`, the pull is woken at once. */
  hold(pull: HeldPull): void {
    if (this.#closed) {
      pull.wake(false)
      return
    }
    let queues = this.#queues.get(pull.topic)
    if (!queues) this.#queues.set(pull.topic, (queues = new Map()))
    let waiting = queues.get(pull.queueId)
    if (!waiting) queues.set(pull.queueId, (waiting = new Set()))
    waiting.add(pull)
    this.#size++
    let ofConnection = this.#byConnection.get(pull.connectionId)
    if (!ofConnection) this.#byConnection.set(pull.connectionId, (ofConnection = new Set()))
    ofConnection.add(pull)
  }

  /** Ends the waits of a connection that is gone. */
  connectionClosed(connectionId: number): void {
    for (const pull of [...(this.#byConnection.get(connectionId) ?? [])]) this.#wake(pull, false)
  }

  #release(pull: HeldPull): void {
    const queues = this.#queues.get(pull.topic)
    const waiting = queues?.get(pull.queueId)
    if (!queues || !waiting?.delete(pull)) return
    this.#size--
    const ofConnection = this.#byConnection.get(pull.connectionId)
    if (ofConnection?.delete(pull) && ofConnection.size === 0) this.#byConnection.delete(pull.connectionId)
    if (waiting.size > 0) return
    queues.delete(pull.queueId)
    if (queues.size === 0) this.#queues.delete(pull.topic)
  }

  /** Wakes those whom one of the new messages concerns. */
  arrived(arrivals: readonly Arrival[]): void {
    if (this.#size === 0) return
    for (const { topic, queueId, maxOffset, tagsCode } of arrivals) {
      const waiting = this.#queues.get(topic)?.get(queueId)
      if (!waiting) continue
      for (const pull of [...waiting]) {
        if (maxOffset > pull.queueOffset && pull.matches(tagsCode)) this.#wake(pull, true)
      }
    }
  }

  /** Wakes those whose time is up. */
  expire(nowMs: number): void {
    for (const queues of [...this.#queues.values()])
      for (const waiting of [...queues.values()])
        for (const pull of [...waiting]) if (pull.deadlineMs <= nowMs) this.#wake(pull, false)
  }

  /** Wakes everybody, and holds nobody from now on: the broker stops. */
  close(): void {
    this.#closed = true
    this.expire(Number.POSITIVE_INFINITY)
  }

  #wake(pull: HeldPull, arrived: boolean): void {
    this.#release(pull)
    pull.wake(arrived)
  }
}
