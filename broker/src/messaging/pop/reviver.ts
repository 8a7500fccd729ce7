import type { BrokerConfig } from '@rocketcluster/config'
import {
  type DecodedMessage,
  isDlqTopic,
  MAX_PROPERTIES_LENGTH,
  property,
  ResponseError,
} from '@rocketcluster/protocol'
import type { Log } from '@rocketcluster/world'
import type { ConsumerOffsets } from '../../metadata/consumer-offsets.ts'
import type { SubscriptionGroups } from '../../metadata/subscription-groups.ts'
import type { Topics } from '../../metadata/topics.ts'
import type { Store } from '../../store/store.ts'
import { copyOf, type OutgoingMessage, withProperties } from '../outgoing-message.ts'
import { readQueue } from '../read-queue.ts'
import type { DeadLetters } from '../retry/dead-letters.ts'
import type { CheckPoint } from './check-point.ts'
import type { PopLedger } from './pop-ledger.ts'
import type { PopStats } from './pop-stats.ts'
import { isRetry, normalTopic, retryTopicOf } from './retry-topics.ts'

/** Check points that are worked on at once. */
const WORKERS = 8
/** What is written in one go. */
const BATCH_BYTES = 1024 * 1024
/** How long a failure keeps a check point waiting: doubled each time. */
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000
/** What a record has beside its body and properties, FIRST_POP_TIME, and POP_CK as the consumer gets it. */
const ROOM_FOR_RETRY = 1024

export interface ReviverParts {
  readonly config: BrokerConfig
  readonly store: Store
  readonly topics: Topics
  readonly groups: SubscriptionGroups
  readonly offsets: ConsumerOffsets
  readonly ledger: PopLedger
  readonly deadLetters: DeadLetters
  readonly stats: PopStats
  readonly log: Log
}

/**
 * Gives back what was popped and not acknowledged in time: each message goes to the group's retry topic with one more
 * reconsume time (PopReviveService.java), or after retryMaxTimes of them to its dead letters.
 */
export class Reviver {
  readonly #parts: ReviverParts
  /** Taken from #head on: shift() would move all the others each time, and there may be a million. */
  #waiting: CheckPoint[] = []
  #head = 0
  #working = 0
  #stopped = false
  #whenIdle: (() => void) | undefined

  constructor(parts: ReviverParts) {
    this.#parts = parts
  }

  start(): void {
    this.#stopped = false
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting = []
    this.#head = 0
    if (this.#working > 0) await new Promise<void>(resolve => (this.#whenIdle = resolve))
  }

  revive(point: CheckPoint): void {
    if (this.#stopped || point.reviving) return
    point.reviving = true
    this.#waiting.push(point)
    this.#work()
  }

  #work(): void {
    while (this.#working < WORKERS && this.#head < this.#waiting.length) {
      const point = this.#waiting[this.#head++]!
      if (this.#head >= 1024 && this.#head * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#head)
        this.#head = 0
      }
      this.#working++
      void this.#reviveOne(point).finally(() => {
        this.#working--
        if (this.#working === 0) this.#whenIdle?.()
        this.#work()
      })
    }
  }

  async #reviveOne(point: CheckPoint): Promise<void> {
    const { ledger, log } = this.#parts
    try {
      await this.#giveBack(point)
      point.reviving = false
      ledger.settle(point)
    } catch (error) {
      point.reviving = false
      const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** point.failures)
      point.failures++
      log.warn(
        {
          error,
          topic: point.topic,
          group: point.group,
          queueId: point.queueId,
          startOffset: point.startOffset,
          delayMs,
        },
        'pop: messages that nobody acknowledged cannot be given back yet',
      )
      ledger.later(point, delayMs)
    }
  }

  async #giveBack(point: CheckPoint): Promise<void> {
    const { topics, groups, offsets, config, ledger, deadLetters } = this.#parts
    const topic = normalTopic(point.topic, point.group)
    const group = await groups.find(point.group)
    if (!topics.get(topic) || !topics.get(point.topic) || group === undefined) {
      ledger.abandon(point)
      return
    }
    const retryTopic = isRetry(point.topic) ? point.topic : retryTopicOf(topic, point.group, config)
    if (topics.get(retryTopic) === undefined) await topics.createInternal(retryTopic, 1)
    // A group that begins at the newest message must not begin there in its retry topic.
    if (offsets.query(point.group, retryTopic, 0) === undefined) {
      offsets.commit(point.group, retryTopic, 0, 0)
      // A restart moves only offsets that it finds.
      await offsets.flush().catch(() => {})
    }
    let refused: unknown
    for (let index = 0; index < point.diffs.length; ) {
      const indexes: number[] = []
      const found: DecodedMessage[] = []
      let bytes = 0
      for (; index < point.diffs.length && bytes < BATCH_BYTES; index++) {
        if (point.isAcked(index)) continue
        let message: DecodedMessage | undefined
        try {
          message = await this.#read(point, point.startOffset + point.diffs[index]!)
        } catch (error) {
          refused = error
          continue
        }
        indexes.push(index)
        if (message === undefined) continue
        found.push(message)
        bytes += message.storeSize
      }
      const dead = found.filter(message => isDead(message, group.retryMaxTimes) || isTooFull(message))
      const deadTopic = dead.length > 0 ? (await deadLetters.topicOf(point.group)).topicName : ''
      const outgoing = (message: DecodedMessage) =>
        dead.includes(message) ? this.#deadLetter(message, topic, deadTopic) : this.#retry(message, point, retryTopic)
      try {
        await this.#put(point, indexes, found, outgoing)
      } catch (error) {
        if (!(error instanceof ResponseError && error.status === 'MESSAGE_ILLEGAL') || indexes.length === 1) throw error
        // One that the store refuses (maxMessageSize was lowered) must not keep the others back.
        refused = error
        for (const one of indexes) await this.#put(point, [one], found, outgoing).catch(reason => (refused = reason))
      }
    }
    if (refused) throw refused
  }

  /** Gives those of `found` back that lie at `indexes` and that nobody has acknowledged while they were read. */
  async #put(
    point: CheckPoint,
    indexes: readonly number[],
    found: readonly DecodedMessage[],
    outgoing: (message: DecodedMessage) => OutgoingMessage,
  ): Promise<void> {
    const { ledger, deadLetters, stats } = this.#parts
    const left = indexes.filter(one => !point.isAcked(one))
    if (left.length === 0) return
    const offsetsLeft = new Set(left.map(one => point.startOffset + point.diffs[one]!))
    const messages = found.filter(message => offsetsLeft.has(message.queueOffset)).map(outgoing)
    try {
      const status = await ledger.revived(point, left, messages)
      stats.retried(point.topic, point.group, status, messages.length)
      for (const { topic } of messages)
        if (isDlqTopic(topic)) deadLetters.count(point.group, normalTopic(point.topic, point.group))
    } catch (error) {
      stats.retried(point.topic, point.group, 'UNKNOWN_ERROR', messages.length)
      throw error
    }
  }

  /** undefined when it is not there any more, or is another message than the one that was popped: the topic is a new one. */
  async #read(point: CheckPoint, queueOffset: number): Promise<DecodedMessage | undefined> {
    const { store } = this.#parts
    const { messages, damaged } = await readQueue(store, point.topic, point.queueId, queueOffset, 1)
    if (damaged.includes(queueOffset))
      throw new Error(`the message at offset ${queueOffset} of queue ${point.queueId} of ${point.topic} is damaged`)
    const [message] = messages
    return message?.queueOffset === queueOffset ? message : undefined
  }

  #retry(message: DecodedMessage, point: CheckPoint, retryTopic: string): OutgoingMessage {
    const first = message.properties.get(property.FIRST_POP_TIME)
    const firstPopTime = message.reconsumeTimes === 0 || first === undefined ? String(point.popTime) : first
    return withProperties(
      copyOf(message, {
        topic: retryTopic,
        queueId: 0,
        bornHost: this.#parts.store.storeHost,
        reconsumeTimes: message.reconsumeTimes + 1,
        preparedTransactionOffset: 0,
      }),
      { [property.FIRST_POP_TIME]: firstPopTime },
    )
  }

  /** As a consumer's last failed attempt would (AbstractSendMessageProcessor.java#consumerSendMsgBack). */
  #deadLetter(message: DecodedMessage, topic: string, deadTopic: string): OutgoingMessage {
    const copy = copyOf(message, {
      topic: deadTopic,
      queueId: 0,
      bornHost: this.#parts.store.storeHost,
      reconsumeTimes: message.reconsumeTimes,
      preparedTransactionOffset: 0,
    })
    if (isTooFull(message)) return copy
    return withProperties(copy, {
      [property.RETRY_TOPIC]: message.properties.get(property.RETRY_TOPIC) ?? topic,
      [property.DLQ_ORIGIN_TOPIC]: topic,
      [property.DLQ_ORIGIN_MESSAGE_ID]: message.msgId,
    })
  }
}

/** Apache's broker revives for ever and leaves the end to its proxy; here the group's limit holds for every pop consumer. */
const isDead = ({ reconsumeTimes }: DecodedMessage, retryMaxTimes: number): boolean =>
  retryMaxTimes >= 0 && reconsumeTimes >= retryMaxTimes

/** Its properties leave no room for those of a retry: as one it could be neither stored nor given to a consumer. */
const isTooFull = ({ storeSize, storedBody }: DecodedMessage): boolean =>
  storeSize - storedBody.length > MAX_PROPERTIES_LENGTH - ROOM_FOR_RETRY
