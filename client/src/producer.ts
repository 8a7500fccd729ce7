import {
  AUTO_CREATE_TOPIC_KEY_TOPIC,
  encodeBatch,
  FieldError,
  isRetryTopic,
  parseAddress,
  property,
  ResponseError,
  responseCodes,
  sendBatchMessage,
  sendMessageV2,
  UniqKeyGenerator,
  validateGroup,
} from '@rocketcluster/protocol'
import { TransportError } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { ClientError } from './client-error.ts'
import { ClientInstance, type ClientOptions } from './client-instance.ts'
import { LatencyFaultTolerance } from './latency-fault-tolerance.ts'
import {
  checkMessage,
  defaultEncodeOptions,
  type EncodeOptions,
  encodeBody,
  encodeMessageProperties,
  type Message,
  messageProperties,
} from './message.ts'
import type { MessageQueue } from './message-queue.ts'
import type { TopicRoute } from './route-table.ts'

export interface ProducerOptions extends Partial<ClientOptions>, Partial<EncodeOptions> {
  /** A shared client; else the producer has its own, made of the other options. */
  readonly client?: ClientInstance
  readonly producerGroup?: string
  /** For one call of `send`, all attempts and connecting included; 3 s. */
  readonly sendMsgTimeout?: number
  /** Further attempts, each on another broker if there is one; 2. */
  readonly retryTimesWhenSendFailed?: number
  /** Leaves slow and failing brokers alone for a while. */
  readonly sendLatencyFaultEnable?: boolean
  /** Queues of a topic that comes into being by being sent to; 4. */
  readonly defaultTopicQueueNums?: number
}

/** Stored under the broker's own promise only with SEND_OK; the others are stored, but not where they should be yet. */
export type SendStatus = 'SEND_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'SLAVE_NOT_AVAILABLE'

export interface SendResult {
  readonly sendStatus: SendStatus
  /** UNIQ_KEY; of a batch all of them, with commas. */
  readonly msgId: string
  /** Where the broker has it; of a batch all of them, with commas. */
  readonly offsetMsgId: string
  readonly messageQueue: MessageQueue
  /** Of a batch, that of its first message. */
  readonly queueOffset: number
  readonly transactionId: string | undefined
  readonly recallHandle: string | undefined
}

export interface SendOptions {
  readonly timeoutMs?: number
  /** The queue to send to; no other one is tried. */
  readonly queue?: MessageQueue
  readonly signal?: AbortSignal
}

/** What one send request carries, however often it is sent. */
interface Outgoing {
  readonly topic: string
  readonly body: Uint8Array
  readonly sysFlag: number
  readonly flag: number
  readonly properties: string
  readonly msgId: string
  readonly batch: boolean
}

/** Sends messages. `start` it before the first one. */
export class Producer {
  readonly producerGroup: string
  readonly client: ClientInstance
  readonly #world: World
  readonly #ownsClient: boolean
  readonly #encode: EncodeOptions
  readonly #timeoutMs: number
  readonly #attempts: number
  readonly #defaultTopicQueueNums: number
  readonly #faults: LatencyFaultTolerance | undefined
  readonly #uniqKeys: UniqKeyGenerator
  /** Where round robin stands, by topic. */
  readonly #turns = new Map<string, number>()
  #running = false

  constructor(world: World, options: ProducerOptions) {
    this.#world = world
    this.producerGroup = options.producerGroup ?? 'DEFAULT_PRODUCER'
    validateGroup(this.producerGroup, 'producerGroup')
    this.#ownsClient = options.client === undefined
    this.client = options.client ?? new ClientInstance(world, { nameServers: [], ...options })
    this.#encode = {
      maxMessageSize: options.maxMessageSize ?? defaultEncodeOptions.maxMessageSize,
      compressOverBytes: options.compressOverBytes ?? defaultEncodeOptions.compressOverBytes,
      compressionType: options.compressionType ?? defaultEncodeOptions.compressionType,
      compressionLevel: options.compressionLevel ?? defaultEncodeOptions.compressionLevel,
    }
    this.#timeoutMs = options.sendMsgTimeout ?? 3000
    this.#attempts = 1 + (options.retryTimesWhenSendFailed ?? 2)
    this.#defaultTopicQueueNums = options.defaultTopicQueueNums ?? 4
    this.#faults = options.sendLatencyFaultEnable
      ? new LatencyFaultTolerance(() => world.clock.monotonicMs())
      : undefined
    this.#uniqKeys = new UniqKeyGenerator({
      clock: world.clock,
      ip: parseAddress(this.client.clientIp) ?? Buffer.from([127, 0, 0, 1]),
      pid: world.random.int(2 ** 16),
      instance: world.random.int(2 ** 31),
    })
  }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    this.client.join(this, () => ({ producer: { groupName: this.producerGroup } }))
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    await this.client.leave(this)
    if (this.#ownsClient) await this.client.close()
  }

  /**
   * Sends one message and resolves when a broker has it. Rejects with FieldError for a message that is not allowed,
   * ClientError NO_ROUTE or SEND_FAILED (its cause is the last failure), ResponseError when no other broker could do better.
   */
  async send(message: Message, options: SendOptions = {}): Promise<SendResult> {
    return this.#send(this.#outgoing(message), options)
  }

  /** Sends all messages of one topic in one request: all of them are stored, next to each other, or none. */
  async sendBatch(messages: readonly Message[], options: SendOptions = {}): Promise<SendResult> {
    return this.#send(this.#outgoingBatch(messages), options)
  }

  /**
   * Sends to the queue that `select` picks, so that messages of one kind stay in order. `select` gets the topic's queues, always
   * in the same order. There is no second attempt, which could change the order.
   */
  async sendOrdered(
    message: Message,
    select: (queues: readonly MessageQueue[], message: Message) => MessageQueue,
    options: Omit<SendOptions, 'queue'> = {},
  ): Promise<SendResult> {
    const outgoing = this.#outgoing(message)
    const route = await this.#route(message.topic)
    const queue = select(route.writeQueues, message)
    if (!queue)
      throw new FieldError('select', `picked none of the ${route.writeQueues.length} queues of topic ${message.topic}`)
    return this.#send(outgoing, { ...options, queue })
  }

  /** Sends without waiting for an answer: resolves when the message is on its way, which is no promise that it arrives. */
  async sendOneWay(message: Message, { queue }: Pick<SendOptions, 'queue'> = {}): Promise<void> {
    const outgoing = this.#outgoing(message)
    const route = await this.#route(message.topic)
    const target = queue ?? this.#select(message.topic, route, undefined)
    const address = await this.#address(target)
    await this.client.remoting.invokeOneWay(address, sendMessageV2, this.#header(outgoing, target), {
      body: outgoing.body,
      timeoutMs: this.#timeoutMs,
    })
  }

  /** The queues of a topic that can be sent to. */
  async fetchPublishMessageQueues(topic: string): Promise<readonly MessageQueue[]> {
    return (await this.#route(topic)).writeQueues
  }

  #outgoing(message: Message): Outgoing {
    this.#checkRunning()
    const bytes = checkMessage(message, this.#encode.maxMessageSize)
    const properties = messageProperties(message, this.#uniqKeys.next())
    return {
      topic: message.topic,
      ...encodeBody(bytes, this.#encode),
      flag: message.flag ?? 0,
      properties: encodeMessageProperties(properties),
      msgId: properties[property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX]!,
      batch: false,
    }
  }

  #outgoingBatch(messages: readonly Message[]): Outgoing {
    this.#checkRunning()
    const [first] = messages
    if (!first) throw new FieldError('messages', 'is empty: a batch needs at least one message')
    const { topic } = first
    if (isRetryTopic(topic)) throw new FieldError('topic', `${topic}: a retry topic takes no batch`)
    const ids: string[] = []
    const items = messages.map((message, i) => {
      if (message.topic !== topic)
        throw new FieldError(`messages[${i}].topic`, `${message.topic} is not the batch's topic ${topic}`)
      if (message.delayTimeLevel || message.deliverTimeMs !== undefined)
        throw new FieldError(`messages[${i}]`, 'a delayed message cannot be part of a batch')
      const body = checkMessage(message, this.#encode.maxMessageSize)
      const properties = messageProperties(message, this.#uniqKeys.next())
      ids.push(properties[property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX]!)
      return { flag: message.flag ?? 0, body, properties: Buffer.from(encodeMessageProperties(properties), 'utf8') }
    })
    const body = encodeBatch(items)
    if (body.length > this.#encode.maxMessageSize)
      throw new FieldError(
        'messages',
        `make a batch of ${body.length} bytes, which exceeds maxMessageSize ${this.#encode.maxMessageSize}`,
      )
    const properties = encodeMessageProperties(messageProperties({ topic, body }, this.#uniqKeys.next()))
    return { topic, body, sysFlag: 0, flag: 0, properties, msgId: ids.join(','), batch: true }
  }

  async #send(outgoing: Outgoing, { timeoutMs = this.#timeoutMs, queue, signal }: SendOptions): Promise<SendResult> {
    const { clock } = this.#world
    const dueMs = clock.monotonicMs() + timeoutMs
    const failures: unknown[] = []
    let lastBroker: string | undefined
    for (let attempt = 0; attempt < (queue ? 1 : this.#attempts); attempt++) {
      signal?.throwIfAborted()
      let target: MessageQueue | undefined
      const startMs = clock.monotonicMs()
      if (attempt > 0 && startMs >= dueMs) break
      try {
        target = queue ?? this.#select(outgoing.topic, await this.#route(outgoing.topic), lastBroker)
        const result = await this.#sendTo(target, outgoing, dueMs - clock.monotonicMs(), signal)
        this.#faults?.update(target.brokerName, clock.monotonicMs() - startMs, false)
        return result
      } catch (error) {
        if (target === undefined || !isWorthAnotherTry(error)) throw error
        failures.push(error)
        lastBroker = target.brokerName
        this.#faults?.update(target.brokerName, clock.monotonicMs() - startMs, true)
        // For the sends to come; this one does not wait for a name server.
        if (shouldAskForRoute(error)) void this.#refresh(outgoing.topic)
      }
    }
    const last = failures.at(-1) as Error
    if (failures.length === 1) throw last
    throw new ClientError(
      'SEND_FAILED',
      `message ${outgoing.msgId} could not be sent in ${failures.length} attempts: ${last.message}`,
      {
        cause: last,
      },
    )
  }

  async #sendTo(
    queue: MessageQueue,
    outgoing: Outgoing,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<SendResult> {
    const address = await this.#address(queue)
    const declaration = outgoing.batch ? sendBatchMessage : sendMessageV2
    const reply = await this.client.remoting.invoke(address, declaration, this.#header(outgoing, queue), {
      body: outgoing.body,
      timeoutMs,
      signal,
    })
    return {
      sendStatus: reply.status === 'SUCCESS' ? 'SEND_OK' : (reply.status as SendStatus),
      msgId: outgoing.msgId,
      offsetMsgId: reply.msgId,
      messageQueue: { topic: queue.topic, brokerName: queue.brokerName, queueId: reply.queueId },
      queueOffset: reply.queueOffset,
      transactionId: reply.transactionId,
      recallHandle: reply.recallHandle,
    }
  }

  #header(outgoing: Outgoing, { brokerName, queueId }: MessageQueue) {
    return {
      producerGroup: this.producerGroup,
      topic: outgoing.topic,
      defaultTopic: AUTO_CREATE_TOPIC_KEY_TOPIC,
      defaultTopicQueueNums: this.#defaultTopicQueueNums,
      queueId,
      sysFlag: outgoing.sysFlag,
      bornTimestamp: this.#world.clock.now(),
      flag: outgoing.flag,
      properties: outgoing.properties,
      reconsumeTimes: 0,
      unitMode: false,
      batch: outgoing.batch,
      brokerName,
    }
  }

  /** The next queue by turns: not on the broker that just failed, and not on one that is to be left alone, if there is another. */
  #select(topic: string, route: TopicRoute, avoid: string | undefined): MessageQueue {
    const queues = route.writeQueues
    if (queues.length === 0)
      throw new ClientError('NO_WRITABLE_QUEUE', `topic ${topic} has no queue that can be written to`)
    const turn = this.#turns.get(topic) ?? this.#world.random.int(queues.length)
    this.#turns.set(topic, turn + 1)
    const faults = this.#faults
    let other: MessageQueue | undefined
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[(turn + i) % queues.length]!
      if (queue.brokerName === avoid) continue
      if (!faults || faults.isAvailable(queue.brokerName)) return queue
      other ??= queue
    }
    if (faults && other) {
      const best = faults.leastBad(
        [...new Set(queues.map(({ brokerName }) => brokerName))].filter(name => name !== avoid),
      )
      return queues.find(({ brokerName }) => brokerName === best) ?? other
    }
    return other ?? queues[turn % queues.length]!
  }

  async #address({ brokerName, topic }: MessageQueue): Promise<string> {
    const { routes } = this.client
    const address = routes.brokerAddress(brokerName)
    if (address !== undefined) return address
    await this.#refresh(topic)
    const fresh = routes.brokerAddress(brokerName)
    if (fresh !== undefined) return fresh
    throw new ClientError('NO_BROKER', `broker ${brokerName} has no master that a name server knows`)
  }

  async #route(topic: string): Promise<TopicRoute> {
    this.#checkRunning()
    const { routes } = this.client
    const known = await routes.route(topic, { inherit: true })
    // A group between two masters has no queue to write to: the next one may be there by now.
    return known.writeQueues.length > 0 ? known : routes.route(topic, { inherit: true, fresh: true })
  }

  async #refresh(topic: string): Promise<void> {
    await this.client.routes.route(topic, { inherit: true, fresh: true }).catch(() => {})
  }

  #checkRunning(): void {
    if (!this.#running) throw new ClientError('NOT_RUNNING', 'the producer is not started')
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof TransportError) return true
  if (error instanceof ClientError) return error.code === 'NO_BROKER'
  return error instanceof ResponseError && responseCodes[error.status].retry === 'other-broker'
}

/** The broker may be gone or have lost its role: what the name server says may be newer than what we know. */
function shouldAskForRoute(error: unknown): boolean {
  return !(error instanceof ResponseError) || error.status !== 'SYSTEM_BUSY'
}
