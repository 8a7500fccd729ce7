import {
  type BodyOf,
  type BoundaryType,
  decodeRecords,
  getMaxOffset,
  getMinOffset,
  type HeaderOf,
  pullMessage,
  queryConsumerOffset,
  type ReplyOf,
  type Requests,
  type SubscriptionData,
  searchOffsetByTimestamp,
  unwrapBatch,
  updateConsumerOffset,
} from '@rocketcluster/protocol'
import type { InvokeOptions } from '@rocketcluster/remoting'
import { ClientError } from './client-error.ts'
import type { ClientInstance } from './client-instance.ts'
import { type MessageQueue, queueKey } from './message-queue.ts'
import { type ReceivedMessage, receivedMessage } from './received-message.ts'
import { matches, subscription } from './subscription.ts'

/** PullSysFlag.java */
const SUSPEND = 2
const SUBSCRIPTION = 4

/** What a broker said to a pull (PullStatus.java). */
export type PullStatus = 'FOUND' | 'NO_NEW_MSG' | 'NO_MATCHED_MSG' | 'OFFSET_ILLEGAL'

export interface PullResult {
  readonly pullStatus: PullStatus
  /** Where to go on. */
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  /** Those that match; there may be none although something was found. */
  readonly messages: readonly ReceivedMessage[]
}

export interface PullOptions {
  /** Queue offset of the first message. */
  readonly offset: number
  /** `*`, or tags joined by `||`. */
  readonly expression?: string
  readonly maxMsgNums?: number
  /** How long the broker may hold the answer when there is nothing; 0 answers at once. */
  readonly suspendMs?: number
  readonly signal?: AbortSignal
}

const PULL_STATUS = {
  SUCCESS: 'FOUND',
  PULL_NOT_FOUND: 'NO_NEW_MSG',
  PULL_RETRY_IMMEDIATELY: 'NO_MATCHED_MSG',
  PULL_OFFSET_MOVED: 'OFFSET_ILLEGAL',
} as const satisfies Record<string, PullStatus>

/** How long beyond the suspension an answer may take (consumerTimeoutMillisWhenSuspend 30 s - brokerSuspendMaxTimeMillis 20 s). */
const PULL_PATIENCE_MS = 10_000

/** Reads queues and the offsets of a group in them, one request at a time. */
export class QueueReader {
  readonly #client: ClientInstance
  readonly #consumerGroup: string
  /** Which member of the broker group the last answer told us to ask next, by queue. */
  readonly #suggested = new Map<string, number>()

  constructor(client: ClientInstance, consumerGroup: string) {
    this.#client = client
    this.#consumerGroup = consumerGroup
  }

  async pull(queue: MessageQueue, options: PullOptions): Promise<PullResult> {
    return this.pullSubscribed(queue, subscription(queue.topic, options.expression ?? '*', 0), options)
  }

  /** As `pull`, with an expression that has been read already. */
  async pullSubscribed(queue: MessageQueue, wanted: SubscriptionData, options: PullOptions): Promise<PullResult> {
    const { offset, maxMsgNums = 32, suspendMs = 0, signal } = options
    const key = queueKey(queue)
    const brokerId = this.#suggested.get(key) ?? 0
    const reply = await this.#invoke(
      queue,
      pullMessage,
      {
        consumerGroup: this.#consumerGroup,
        topic: queue.topic,
        queueId: queue.queueId,
        queueOffset: offset,
        maxMsgNums,
        sysFlag: SUBSCRIPTION | (suspendMs > 0 ? SUSPEND : 0),
        commitOffset: 0,
        suspendTimeoutMillis: suspendMs,
        subscription: wanted.subString,
        subVersion: wanted.subVersion,
        expressionType: wanted.expressionType,
      },
      { timeoutMs: suspendMs + PULL_PATIENCE_MS, signal },
      brokerId,
    )
    this.#suggested.set(key, reply.suggestWhichBrokerId ?? 0)
    const pullStatus = PULL_STATUS[reply.status as keyof typeof PULL_STATUS]
    return {
      pullStatus,
      nextBeginOffset: reply.nextBeginOffset ?? offset,
      minOffset: reply.minOffset,
      maxOffset: reply.maxOffset,
      messages: pullStatus === 'FOUND' && reply.body ? this.#decode(queue, wanted, offset, reply.body) : [],
    }
  }

  #decode(queue: MessageQueue, wanted: SubscriptionData, from: number, body: Uint8Array): ReceivedMessage[] {
    const records = decodeRecords(Buffer.from(body.buffer, body.byteOffset, body.byteLength)).flatMap(unwrapBatch)
    // A record that holds a batch may begin before the offset that was asked for.
    return records
      .filter(record => record.queueOffset >= from && matches(wanted, record.tags))
      .map(record => receivedMessage(queue, record))
  }

  async minOffset(queue: MessageQueue): Promise<number> {
    return (await this.#invoke(queue, getMinOffset, queue)).offset
  }

  /** The offset that the queue will give to its next message. */
  async maxOffset(queue: MessageQueue): Promise<number> {
    return (await this.#invoke(queue, getMaxOffset, queue)).offset
  }

  /** Of the first message stored at or after `timestamp` (ms since 1970). */
  async searchOffset(queue: MessageQueue, timestamp: number, boundaryType: BoundaryType = 'LOWER'): Promise<number> {
    const { topic, queueId } = queue
    return (await this.#invoke(queue, searchOffsetByTimestamp, { topic, queueId, timestamp, boundaryType })).offset
  }

  /** Where the group stands; undefined when it has never committed. */
  async committedOffset(queue: MessageQueue): Promise<number | undefined> {
    const { topic, queueId } = queue
    const reply = await this.#invoke(queue, queryConsumerOffset, { consumerGroup: this.#consumerGroup, topic, queueId })
    return reply.status === 'SUCCESS' ? reply.offset : undefined
  }

  /** Tells the broker that the group goes on at `commitOffset`. */
  async commitOffset(queue: MessageQueue, commitOffset: number): Promise<void> {
    const { topic, queueId } = queue
    await this.#invoke(queue, updateConsumerOffset, {
      consumerGroup: this.#consumerGroup,
      topic,
      queueId,
      commitOffset,
    })
  }

  /** Forgets which member of a broker group was to be asked. */
  forget(queue: MessageQueue): void {
    this.#suggested.delete(queueKey(queue))
  }

  async #invoke<D extends Requests[string]>(
    queue: MessageQueue,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>> = {},
    brokerId = 0,
  ): Promise<ReplyOf<D>> {
    const { routes, remoting, timeoutMs } = this.#client
    let address = routes.brokerAddress(queue.brokerName, brokerId, false)
    if (address === undefined) {
      await routes.route(queue.topic, { fresh: true })
      address = routes.brokerAddress(queue.brokerName, brokerId, false)
    }
    if (address === undefined)
      throw new ClientError('NO_BROKER', `broker ${queue.brokerName} has no member that a name server knows`)
    return remoting.invoke(address, declaration, header, { timeoutMs, ...options })
  }
}
