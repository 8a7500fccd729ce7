import type { GetMessageResult } from './store/types.ts'

/** Upper bounds of rocketmq_message_size in bytes (BrokerMetricsManager.java). */
export const MESSAGE_SIZE_BUCKETS = [1024, 4096, 512 * 1024, 1024 * 1024, 2 * 1024 * 1024, 4 * 1024 * 1024] as const
/** Upper bounds of rocketmq_rpc_latency in milliseconds (RemotingMetricsManager.java). */
export const RPC_LATENCY_BUCKETS = [1, 3, 5, 7, 10, 100, 1000, 2000, 3000] as const

/** A histogram as plain numbers: one count for each bound, one for what is above, and the sum. */
export class Buckets {
  readonly counts: Float64Array
  readonly #bounds: readonly number[]
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number, times = 1): void {
    let i = 0
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++
    this.counts[i]! += times
    this.sum += value * times
    this.count += times
  }
}

export interface TopicIn {
  messages: number
  bytes: number
  readonly sizes: Buckets
}

export interface TopicOut {
  readonly topic: string
  readonly group: string
  messages: number
  bytes: number
}

export interface Rpc {
  readonly code: number
  readonly status: number
  readonly longPolling: boolean
  readonly oneWay: boolean
  readonly latency: Buckets
}

/**
 * Counts what happens, as plain numbers in plain maps: the hot path pays one look-up and two additions a message.
 * `metrics.ts` turns them into Prometheus text when somebody scrapes.
 */
export class BrokerStats {
  readonly in = new Map<string, TopicIn>()
  readonly out = new Map<string, TopicOut>()
  readonly rpc = new Map<string, Rpc>()
  readonly deadLetters = new Map<string, { readonly topic: string; readonly group: string; messages: number }>()

  put(topic: string, messages: number, bytes: number): void {
    let counted = this.in.get(topic)
    if (!counted) this.in.set(topic, (counted = { messages: 0, bytes: 0, sizes: new Buckets(MESSAGE_SIZE_BUCKETS) }))
    counted.messages += messages
    counted.bytes += bytes
    counted.sizes.observe(bytes / messages, messages)
  }

  got(topic: string, group: string, result: Pick<GetMessageResult, 'messageCount' | 'sizeBytes'>): void {
    if (result.messageCount === 0) return
    const key = `${topic}@${group}`
    let counted = this.out.get(key)
    if (!counted) this.out.set(key, (counted = { topic, group, messages: 0, bytes: 0 }))
    counted.messages += result.messageCount
    counted.bytes += result.sizeBytes
  }

  /** A message that a group has failed on for the last time; `topic` is where it was consumed. */
  deadLetter(group: string, topic: string): void {
    const key = `${topic}@${group}`
    const counted = this.deadLetters.get(key)
    if (counted) counted.messages++
    else this.deadLetters.set(key, { topic, group, messages: 1 })
  }

  answered(code: number, status: number, latencyMs: number, oneWay: boolean, longPolling: boolean, times = 1): void {
    const key = `${code} ${status} ${oneWay} ${longPolling}`
    let counted = this.rpc.get(key)
    if (!counted)
      this.rpc.set(key, (counted = { code, status, oneWay, longPolling, latency: new Buckets(RPC_LATENCY_BUCKETS) }))
    counted.latency.observe(latencyMs, times)
  }

  /** As for a topic. */
  forgetGroup(group: string): void {
    for (const [key, { group: counted }] of this.out) if (counted === group) this.out.delete(key)
    for (const [key, { group: counted }] of this.deadLetters) if (counted === group) this.deadLetters.delete(key)
  }

  /** A topic that is gone must not stay in the scrape for ever. */
  forgetTopic(topic: string): void {
    this.in.delete(topic)
    for (const [key, { topic: counted }] of this.out) if (counted === topic) this.out.delete(key)
    for (const [key, { topic: counted }] of this.deadLetters) if (counted === topic) this.deadLetters.delete(key)
  }
}
