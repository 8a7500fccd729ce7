import { dlqTopic, MQVersion, RETRY_PREFIX, ResponseError } from '@rocketcluster/protocol'
import type { NamedGroup, SubscriptionGroups } from '../../metadata/subscription-groups.ts'
import type { NamedTopic } from '../../metadata/system-topics.ts'
import type { Topics } from '../../metadata/topics.ts'
import type { BrokerStats } from '../../stats.ts'

/** AbstractSendMessageProcessor.java DLQ_NUMS_PER_GROUP */
const DLQ_QUEUES = 1

/** What a send to a retry topic says of the attempts. */
export interface RetrySend {
  readonly topic: string
  readonly reconsumeTimes?: number
  readonly maxReconsumeTimes?: number
  /** The client's (MQVersion). */
  readonly version?: number
}

/** Decides which messages have failed for the last time, and where they go: `%DLQ%<group>`. */
export class DeadLetters {
  readonly #groups: SubscriptionGroups
  readonly #topics: Topics
  readonly #stats: BrokerStats
  readonly #hasOrderLocks: (group: string) => boolean

  constructor(parts: {
    groups: SubscriptionGroups
    topics: Topics
    stats: BrokerStats
    /** Whether a consumer of the group holds queues locked now: it consumes in order. */
    hasOrderLocks: (group: string) => boolean
  }) {
    this.#groups = parts.groups
    this.#topics = parts.topics
    this.#stats = parts.stats
    this.#hasOrderLocks = parts.hasOrderLocks
  }

  /** The group's topic for dead letters, made on first use (one queue, readable and writable). */
  topicOf(group: string): NamedTopic | Promise<NamedTopic> {
    const topic = dlqTopic(group)
    return this.#topics.get(topic) ?? this.#topics.createInternal(topic, DLQ_QUEUES)
  }

  /** For the metric `rocketmq_send_to_dlq_messages_total`; `topic` is where the message was consumed. */
  count(group: string, topic: string): void {
    this.#stats.deadLetter(group, topic)
  }

  /**
   * Where a message goes that a client sends to `%RETRY%<group>` because it could not send it back: undefined for there, or
   * the topic of dead letters. Who consumes in order retries in its own memory and gives up only with such a send
   * (SendMessageProcessor.java#handleRetryAndDLQ). Throws, or rejects with, SUBSCRIPTION_GROUP_NOT_EXIST.
   */
  destination(send: RetrySend): NamedTopic | undefined | Promise<NamedTopic | undefined> {
    const name = groupOfRetryTopic(send.topic)
    const group = this.#groups.find(name)
    if (group instanceof Promise) return group.then(known => this.#destination(name, known, send))
    return this.#destination(name, group, send)
  }

  #destination(name: string, group: NamedGroup | undefined, send: RetrySend) {
    if (!group) throw groupNotExist(name)
    const most = maxReconsumeTimes(group, send.maxReconsumeTimes, send.version ?? MQVersion.V3_4_9)
    // Not >= as for a message sent back: Apache counts differently here.
    if ((send.reconsumeTimes ?? 0) <= most && !this.#hasOrderLocks(name)) return undefined
    this.count(name, send.topic)
    return this.topicOf(name)
  }
}

/** The client's word counts where it is of a version that means it; else the group's setting. */
export function maxReconsumeTimes(group: NamedGroup, asked: number | undefined, version: number): number {
  return asked !== undefined && version >= MQVersion.V3_4_9 ? asked : group.retryMaxTimes
}

export const groupNotExist = (group: string) =>
  new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `subscription group not exist, ${JSON.stringify(group)}`)

/** A pop retry topic of the second form, `%RETRY%group+topic`, is the group's too (KeyBuilder.java#parseGroup). */
export function groupOfRetryTopic(topic: string): string {
  const parts = topic.slice(RETRY_PREFIX.length).split('+')
  return parts.length === 2 ? parts[0]! : topic.slice(RETRY_PREFIX.length)
}
