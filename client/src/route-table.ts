import {
  AUTO_CREATE_TOPIC_KEY_TOPIC,
  type BodyOf,
  type BrokerData,
  getRouteinfoByTopic,
  type HeaderOf,
  isRetryTopic,
  type ReplyOf,
  type Requests,
  ResponseError,
  type TopicRouteData,
} from '@rocketcluster/protocol'
import { type InvokeOptions, type RemotingClient, TransportError } from '@rocketcluster/remoting'
import type { Clock, Log, Timer } from '@rocketcluster/world'
import { ClientError } from './client-error.ts'
import { compareQueues, type MessageQueue } from './message-queue.ts'

const PERM_READ = 4
const PERM_WRITE = 2
const MASTER = 0
/** DefaultMQProducer.java#defaultTopicQueueNums */
const DEFAULT_TOPIC_QUEUE_NUMS = 4

export interface TopicRoute {
  readonly data: TopicRouteData
  /** Sorted; only of groups that have a master. */
  readonly writeQueues: readonly MessageQueue[]
  /** Sorted. */
  readonly readQueues: readonly MessageQueue[]
  /** The topic does not exist yet: these are the queues it will get by being sent to. */
  readonly inherited: boolean
}

export interface RouteTableOptions {
  readonly clock: Clock
  readonly log: Log
  readonly remoting: RemotingClient
  readonly nameServers: readonly string[]
  readonly timeoutMs: number
  /** 30 s (ClientConfig.java pollNameServerInterval). */
  readonly refreshMs: number
}

/** What the name servers say about topics and brokers, kept fresh. */
export class RouteTable {
  readonly #options: RouteTableOptions
  readonly #routes = new Map<string, TopicRoute>()
  readonly #asking = new Map<string, Promise<TopicRoute>>()
  readonly #brokers = new Map<string, BrokerData>()
  readonly #listeners = new Set<(topic: string) => void>()
  #nameServers: readonly string[]
  #chosen = 0
  #timer: Timer | undefined

  constructor(options: RouteTableOptions) {
    this.#options = options
    this.#nameServers = options.nameServers
    if (options.nameServers.length === 0)
      throw new ClientError('NO_NAME_SERVER', 'nameServers is empty: at least one host:port is needed')
  }

  get nameServers(): readonly string[] {
    return this.#nameServers
  }

  /** Replaces the list; the one in use is kept when it is still on it. */
  updateNameServers(nameServers: readonly string[]): void {
    if (nameServers.length === 0) return
    const current = this.#nameServers[this.#chosen % this.#nameServers.length]!
    this.#nameServers = nameServers
    this.#chosen = Math.max(0, nameServers.indexOf(current))
  }

  /** Asks the topics in use again, now and then. */
  start(): void {
    this.#timer ??= this.#options.clock.setInterval(() => void this.refresh(), this.#options.refreshMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Calls back when the route of a topic has changed. */
  onChange(listener: (topic: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * The route of a topic. For a topic that does not exist, `inherit` gives the one it would get: up to four queues on each
   * broker that creates topics by itself. Throws ClientError NO_ROUTE or NO_NAME_SERVER.
   */
  async route(topic: string, { inherit = false, fresh = false } = {}): Promise<TopicRoute> {
    const known = this.#routes.get(topic)
    if (known && !fresh && (inherit || !known.inherited)) return known
    const asking = `${topic} ${inherit}`
    let promise = this.#asking.get(asking)
    if (!promise) {
      promise = this.#ask(topic, inherit).finally(() => this.#asking.delete(asking))
      this.#asking.set(asking, promise)
    }
    return promise
  }

  /** Asks all topics in use again. */
  async refresh(): Promise<void> {
    for (const [topic, { inherited }] of [...this.#routes])
      await this.route(topic, { inherit: inherited, fresh: true }).catch(error =>
        this.#options.log.warn({ topic, error: (error as Error).message }, 'the route could not be refreshed'),
      )
  }

  /** Sends a request to a name server, to the next one when it cannot be reached. */
  async invokeNameServer<D extends Requests[string]>(
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>> = {},
  ): Promise<ReplyOf<D>> {
    const { remoting, timeoutMs } = this.#options
    const failures: string[] = []
    for (let i = 0; i < this.#nameServers.length; i++) {
      const address = this.#nameServers[this.#chosen % this.#nameServers.length]!
      try {
        return await remoting.invoke(address, declaration, header, { timeoutMs, ...options })
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
        failures.push(error.message)
        this.#chosen = (this.#chosen + 1) % this.#nameServers.length
      }
    }
    throw new ClientError('NO_NAME_SERVER', `no name server answers: ${failures.join('; ')}`)
  }

  /** The address of a member of a broker group; of any member when it has not the one asked for and `strict` is false. */
  brokerAddress(brokerName: string, brokerId = MASTER, strict = true): string | undefined {
    const addresses = this.#brokers.get(brokerName)?.brokerAddrs
    const wanted = addresses?.get(brokerId)
    if (wanted !== undefined || strict) return wanted
    return addresses?.get(MASTER) ?? addresses?.values().next().value
  }

  /** Every broker address known, with whether it is a master's. */
  brokerAddresses(): { brokerName: string; brokerId: number; address: string }[] {
    return [...this.#brokers.values()].flatMap(({ brokerName, brokerAddrs }) =>
      [...brokerAddrs].map(([brokerId, address]) => ({ brokerName, brokerId, address })),
    )
  }

  async #ask(topic: string, inherit: boolean): Promise<TopicRoute> {
    const found = await this.#query(topic)
    if (found) return this.#keep(topic, topicRoute(topic, found))
    if (inherit && !isRetryTopic(topic)) {
      const model = await this.#query(AUTO_CREATE_TOPIC_KEY_TOPIC)
      if (model) return this.#keep(topic, topicRoute(topic, limited(model), true))
    }
    // A name server that has just started knows nothing yet. Whether the topic is really gone, its brokers will tell.
    const known = this.#routes.get(topic)
    if (known && !known.inherited) return known
    this.#routes.delete(topic)
    const why = inherit ? `, and no broker creates topics by itself (autoCreateTopicEnable)` : ''
    throw new ClientError('NO_ROUTE', `no name server knows topic ${topic}${why}`)
  }

  async #query(topic: string): Promise<TopicRouteData | undefined> {
    try {
      const { body } = await this.invokeNameServer(getRouteinfoByTopic, { topic, acceptStandardJsonOnly: true })
      return body
    } catch (error) {
      if (error instanceof ResponseError && error.status === 'TOPIC_NOT_EXIST') return undefined
      throw error
    }
  }

  #keep(topic: string, route: TopicRoute): TopicRoute {
    const before = this.#routes.get(topic)
    this.#routes.delete(topic) // so that the newest is the last, and wins below
    this.#routes.set(topic, route)
    if (before && signature(before) === signature(route)) return route
    this.#brokers.clear()
    for (const { data } of this.#routes.values())
      for (const broker of data.brokerDatas) this.#brokers.set(broker.brokerName, broker)
    this.#tell(topic)
    return route
  }

  #tell(topic: string): void {
    for (const listener of [...this.#listeners]) listener(topic)
  }
}

/** TBW102's queues as a new topic gets them (MQClientInstance.java#updateTopicRouteInfoFromNameServer). */
function limited(model: TopicRouteData): TopicRouteData {
  return {
    ...model,
    queueDatas: model.queueDatas.map(data => {
      const queueNums = Math.min(DEFAULT_TOPIC_QUEUE_NUMS, data.readQueueNums)
      return { ...data, readQueueNums: queueNums, writeQueueNums: queueNums }
    }),
  }
}

/** MQClientInstance.java#topicRouteData2TopicPublishInfo and #topicRouteData2TopicSubscribeInfo. */
export function topicRoute(topic: string, data: TopicRouteData, inherited = false): TopicRoute {
  const queuesOf = (brokerName: string, count: number): MessageQueue[] =>
    Array.from({ length: count }, (_, queueId) => ({ topic, brokerName, queueId }))
  const hasMaster = (brokerName: string) =>
    data.brokerDatas.some(broker => broker.brokerName === brokerName && broker.brokerAddrs.has(MASTER))
  const ordered = data.orderTopicConf?.split(';').filter(part => part.includes(':'))
  const writeQueues = ordered?.length
    ? ordered.flatMap(part => {
        const [brokerName, count] = part.split(':')
        return queuesOf(brokerName!, Number.parseInt(count!, 10) || 0)
      })
    : data.queueDatas
        .filter(({ perm, brokerName }) => (perm & PERM_WRITE) !== 0 && hasMaster(brokerName))
        .flatMap(({ brokerName, writeQueueNums }) => queuesOf(brokerName, writeQueueNums))
  const readQueues = data.queueDatas
    .filter(({ perm }) => (perm & PERM_READ) !== 0)
    .flatMap(({ brokerName, readQueueNums }) => queuesOf(brokerName, readQueueNums))
  return {
    data,
    writeQueues: writeQueues.sort(compareQueues),
    readQueues: readQueues.sort(compareQueues),
    inherited,
  }
}

function signature({ data, inherited }: TopicRoute): string {
  const brokers = data.brokerDatas
    .map(({ brokerName, brokerAddrs }) => [brokerName, ...[...brokerAddrs].sort()].join())
    .sort()
  const queues = data.queueDatas.map(queue => JSON.stringify(queue)).sort()
  return [inherited, data.orderTopicConf, ...brokers, ...queues].join('\n')
}
