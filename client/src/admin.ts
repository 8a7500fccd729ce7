import {
  AUTO_CREATE_TOPIC_KEY_TOPIC,
  type BodyOf,
  type BrokerData,
  type ClusterInfo,
  type ConsumerConnection,
  type ConsumerRunningInfo,
  type ConsumeStats,
  decodeRecords,
  deleteSubscriptiongroup,
  deleteTopicInBroker,
  deleteTopicInNamesrv,
  FieldError,
  getAllSubscriptiongroupConfig,
  getAllTopicListFromNameserver,
  getBrokerClusterInfo,
  getBrokerConfig,
  getBrokerRuntimeInfo,
  getConsumerConnectionList,
  getConsumerRunningInfo,
  getConsumeStats,
  getProducerConnectionList,
  getRouteinfoByTopic,
  getTopicConfig,
  getTopicStatsInfo,
  type HeaderOf,
  invokeBrokerToResetOffset,
  type MessageQueue,
  type OffsetWrapper,
  type ProducerConnection,
  parseOffsetMsgId,
  printHost,
  type QueueTimeSpan,
  queryConsumeTimeSpan,
  queryMessage,
  queryTopicConsumeByWho,
  type ReplyOf,
  type Requests,
  ResponseError,
  type SubscriptionGroupConfig,
  type TopicOffset,
  type TopicRouteData,
  updateAndCreateSubscriptiongroup,
  updateAndCreateTopic,
  updateBrokerConfig,
  validateGroup,
  validateTopic,
  viewMessageById,
} from '@rocketcluster/protocol'
import type { InvokeOptions } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { ClientError } from './client-error.ts'
import { ClientInstance, type ClientOptions } from './client-instance.ts'
import { compareQueues } from './message-queue.ts'
import { QueueReader } from './queue-reader.ts'
import { type ReceivedMessage, receivedMessage } from './received-message.ts'

export interface AdminOptions extends Partial<ClientOptions> {
  /** A shared client; else the admin has its own, made of the other options. */
  readonly client?: ClientInstance
}

/** Which brokers a change is made on: one, those of a cluster, or (neither given) all masters that there are. */
export interface Where {
  readonly brokerAddress?: string
  readonly clusterName?: string
}

export interface TopicSettings extends Where {
  /** 8 */
  readonly readQueueNums?: number
  /** 8 */
  readonly writeQueueNums?: number
  /** 4 read + 2 write + 1 inherit; 6 */
  readonly perm?: number
  readonly order?: boolean
  /** `+message.type`: `FIFO` and the like; with the sign. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** Offsets by queue of one topic, or of one group; in the order of `compareQueues`. */
export type QueueTable<T> = readonly (T & { readonly messageQueue: MessageQueue })[]

/** ResetOffsetRequestHeader: now. */
const NOW = -1
const AWAIT_PAUSE_MS = 100
const MASTER = 0

/** Looks into a cluster and changes it: thin, typed calls. */
export class Admin {
  readonly client: ClientInstance
  readonly #world: World
  readonly #ownsClient: boolean

  constructor(world: World, options: AdminOptions) {
    this.#world = world
    this.#ownsClient = options.client === undefined
    this.client = options.client ?? new ClientInstance(world, { nameServers: [], ...options })
  }

  async close(): Promise<void> {
    if (this.#ownsClient) await this.client.close()
  }

  // ---- cluster

  async clusterInfo(): Promise<ClusterInfo> {
    return (await this.#ask(getBrokerClusterInfo, {})).body!
  }

  /** The masters of a cluster, or of all. Throws ClientError NO_BROKER when there is none. */
  async masters({ brokerAddress, clusterName }: Where = {}): Promise<string[]> {
    if (brokerAddress !== undefined) return [brokerAddress]
    const { brokerAddrTable, clusterAddrTable } = await this.clusterInfo()
    if (clusterName !== undefined && !clusterAddrTable.has(clusterName))
      throw new ClientError(
        'NO_BROKER',
        `there is no cluster ${clusterName}; there are: ${[...clusterAddrTable.keys()].join(', ') || 'none'}`,
      )
    const names = clusterName === undefined ? [...brokerAddrTable.keys()] : clusterAddrTable.get(clusterName)!
    const masters = names.flatMap(name => brokerAddrTable.get(name)?.brokerAddrs.get(MASTER) ?? [])
    if (masters.length === 0) throw new ClientError('NO_BROKER', `${clusterName ?? 'the cluster'} has no master broker`)
    return masters
  }

  /** Counters and state of a broker by name. */
  async brokerRuntimeInfo(brokerAddress: string): Promise<ReadonlyMap<string, string>> {
    return (await this.#at(brokerAddress, getBrokerRuntimeInfo, {})).body!.table
  }

  /** All settings of a broker, as the text of a Java properties file. */
  async brokerConfig(brokerAddress: string): Promise<string> {
    return (await this.#at(brokerAddress, getBrokerConfig, {})).body ?? ''
  }

  /** Changes settings of a running broker. */
  async updateBrokerConfig(brokerAddress: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(settings).map(([name, value]) => `${escaped(name)}=${escaped(value)}\n`)
    await this.#at(brokerAddress, updateBrokerConfig, {}, { body: lines.join('') })
  }

  // ---- topics

  async topicList(): Promise<string[]> {
    return (await this.#ask(getAllTopicListFromNameserver, {})).body?.topicList.toSorted() ?? []
  }

  /** Who serves a topic. Throws ClientError NO_ROUTE. */
  async topicRoute(topic: string): Promise<TopicRouteData> {
    return (await this.client.routes.route(topic, { fresh: true })).data
  }

  /** Makes a topic, or changes it, on every master meant; resolves with their addresses. */
  async createTopic(topic: string, settings: TopicSettings = {}): Promise<string[]> {
    validateTopic(topic)
    const { readQueueNums = 8, writeQueueNums = 8, perm = 6, order = false, attributes } = settings
    const masters = await this.masters(settings)
    const header = {
      topic,
      defaultTopic: AUTO_CREATE_TOPIC_KEY_TOPIC,
      readQueueNums,
      writeQueueNums,
      perm,
      order,
      attributes:
        attributes &&
        Object.entries(attributes)
          .map(([name, value]) => `${name}=${value}`)
          .join(),
    }
    await this.#onAll(masters, address => this.#at(address, updateAndCreateTopic, header))
    return masters
  }

  updateTopic(topic: string, settings: TopicSettings): Promise<string[]> {
    return this.createTopic(topic, settings)
  }

  /** Resolves when every name server can tell where the topic is; rejects with the last failure after `timeoutMs`. */
  async awaitTopic(topic: string, { timeoutMs = 10_000 } = {}): Promise<TopicRouteData> {
    const { clock } = this.#world
    const dueMs = clock.monotonicMs() + timeoutMs
    for (;;)
      try {
        const header = { topic, acceptStandardJsonOnly: true }
        await this.#onAll(this.client.routes.nameServers, address => this.#at(address, getRouteinfoByTopic, header))
        return await this.topicRoute(topic)
      } catch (error) {
        if (clock.monotonicMs() >= dueMs) throw error
        await clock.sleep(AWAIT_PAUSE_MS)
      }
  }

  /** Removes a topic from all brokers of a cluster and then from the name servers. */
  async deleteTopic(topic: string, where: Omit<Where, 'brokerAddress'> = {}): Promise<void> {
    validateTopic(topic)
    await this.#onAll(await this.masters(where), address => this.#at(address, deleteTopicInBroker, { topic }))
    const { nameServers } = this.client.routes
    await this.#onAll(nameServers, address =>
      this.#at(address, deleteTopicInNamesrv, { topic, clusterName: where.clusterName }),
    )
  }

  /** Removes a topic from one broker; the name servers still know it. */
  async deleteTopicOnBroker(brokerAddress: string, topic: string): Promise<void> {
    await this.#at(brokerAddress, deleteTopicInBroker, { topic })
  }

  /** Makes the name servers forget a topic that no broker has any more. */
  async deleteTopicOnNameServers(topic: string): Promise<void> {
    await this.#onAll(this.client.routes.nameServers, address => this.#at(address, deleteTopicInNamesrv, { topic }))
  }

  async topicConfig(brokerAddress: string, topic: string) {
    return (await this.#at(brokerAddress, getTopicConfig, { topic })).body!
  }

  /** First and last offset of each queue. */
  async topicStats(topic: string): Promise<QueueTable<TopicOffset>> {
    const tables = await this.#onAll(await this.#mastersOf(topic), address =>
      this.#at(address, getTopicStatsInfo, { topic }),
    )
    return rows(tables.flatMap(({ body }) => [...(body?.offsetTable ?? [])]))
  }

  // ---- groups

  /** Makes a consumer group, or changes it, on every master meant. What is not given gets Apache's default. */
  async createSubscriptionGroup(
    config: Partial<SubscriptionGroupConfig> & { groupName: string },
    where: Where = {},
  ): Promise<void> {
    validateGroup(config.groupName, 'groupName')
    await this.#onAll(await this.masters(where), address =>
      this.#at(
        address,
        updateAndCreateSubscriptiongroup,
        {},
        { body: updateAndCreateSubscriptiongroup.body!.encode(config as SubscriptionGroupConfig) },
      ),
    )
  }

  async deleteSubscriptionGroup(
    groupName: string,
    { cleanOffset = false, ...where }: Where & { cleanOffset?: boolean } = {},
  ): Promise<void> {
    await this.#onAll(await this.masters(where), address =>
      this.#at(address, deleteSubscriptiongroup, { groupName, cleanOffset }),
    )
  }

  /** All consumer groups that one broker has settings of, by name. */
  async subscriptionGroups(brokerAddress: string): Promise<ReadonlyMap<string, SubscriptionGroupConfig>> {
    return (await this.#at(brokerAddress, getAllSubscriptiongroupConfig, {})).body?.subscriptionGroupTable ?? new Map()
  }

  /** The groups that consume a topic, or have consumed it. */
  async consumerGroupsOf(topic: string): Promise<string[]> {
    const lists = await this.#onAll(await this.#mastersOf(topic), address =>
      this.#at(address, queryTopicConsumeByWho, { topic }),
    )
    return [...new Set(lists.flatMap(({ body }) => body?.groupList ?? []))].toSorted()
  }

  /** How old the messages are at which a group stands in each queue; ms. */
  async consumeTimeSpan(consumerGroup: string, topic: string): Promise<readonly QueueTimeSpan[]> {
    const spans = await this.#onAll(await this.#mastersOf(topic), address =>
      this.#at(address, queryConsumeTimeSpan, { topic, group: consumerGroup }),
    )
    return spans.flatMap(({ body }) => body?.consumeTimeSpanSet ?? [])
  }

  /** What one member of a group is doing: a broker asks the member on. Not every kind of client answers. */
  async consumerRunningInfo(
    consumerGroup: string,
    clientId: string,
    brokerAddress?: string,
  ): Promise<ConsumerRunningInfo> {
    const [first] = await this.masters({ brokerAddress })
    return (await this.#at(first!, getConsumerRunningInfo, { consumerGroup, clientId })).body!
  }

  /** Who consumes as a group, as one broker sees it. Throws ResponseError CONSUMER_NOT_ONLINE. */
  async consumerConnections(consumerGroup: string, brokerAddress?: string): Promise<ConsumerConnection> {
    const [first] = await this.masters({ brokerAddress })
    return (await this.#at(first!, getConsumerConnectionList, { consumerGroup })).body!
  }

  async producerConnections(producerGroup: string, brokerAddress?: string): Promise<ProducerConnection> {
    const [first] = await this.masters({ brokerAddress })
    return (await this.#at(first!, getProducerConnectionList, { producerGroup })).body!
  }

  /** How far a group is in each queue of all its topics, or of one. `consumeTps` is messages per second, of all brokers. */
  async consumeStats(
    consumerGroup: string,
    topic?: string,
  ): Promise<{ consumeTps: number; offsets: QueueTable<OffsetWrapper> }> {
    const masters = topic === undefined ? await this.masters() : await this.#mastersOf(topic)
    const stats = await this.#onAll(masters, address => this.#statsAt(address, consumerGroup, topic))
    return {
      consumeTps: stats.reduce((sum, found) => sum + (found?.consumeTps ?? 0), 0),
      offsets: rows(stats.flatMap(found => [...(found?.offsetTable ?? [])])),
    }
  }

  async #statsAt(address: string, consumerGroup: string, topic: string | undefined): Promise<ConsumeStats | undefined> {
    try {
      return (await this.#at(address, getConsumeStats, { consumerGroup, topic })).body
    } catch (error) {
      // A broker on which the group has never consumed knows nothing of it.
      if (error instanceof ResponseError && error.status === 'SUBSCRIPTION_GROUP_NOT_EXIST') return undefined
      throw error
    }
  }

  /**
   * Moves a group to where a topic was at `timestamp` (ms since 1970; `now` is the end), or one queue of one broker to `offset`.
   * Resolves with the new offsets.
   */
  async resetOffset(reset: {
    consumerGroup: string
    topic: string
    timestamp?: number | 'now'
    offset?: number
    queueId?: number
    /** Also forward; true. */
    force?: boolean
    brokerAddress?: string
  }): Promise<QueueTable<{ offset: number }>> {
    const { consumerGroup, topic, timestamp = 'now', offset, queueId = -1, force = true, brokerAddress } = reset
    if (offset !== undefined && queueId < 0) throw new FieldError('queueId', 'is needed together with offset')
    const header = {
      topic,
      group: consumerGroup,
      timestamp: timestamp === 'now' ? NOW : timestamp,
      isForce: force,
      queueId,
      offset,
    }
    const addresses = brokerAddress === undefined ? await this.#mastersOf(topic) : [brokerAddress]
    const replies = await this.#onAll(addresses, address => this.#at(address, invokeBrokerToResetOffset, header))
    return rows(
      replies.flatMap(({ body }) =>
        [...(body?.offsetTable ?? [])].map(([queue, moved]) => [queue, { offset: moved }] as const),
      ),
    )
  }

  // ---- messages and offsets

  /** The message with this offsetMsgId, asked of the broker that the id names. Throws ResponseError, FieldError. */
  async viewMessage(offsetMsgId: string): Promise<ReceivedMessage> {
    const { host, physicalOffset } = parseOffsetMsgId(offsetMsgId, 'offsetMsgId')
    const { body } = await this.#at(printHost(host), viewMessageById, { offset: physicalOffset })
    return this.#received(body!, '')[0]!
  }

  /** Messages by a word of KEYS, or with `uniqueKey` by UNIQ_KEY; at most `maxNum` of each broker. */
  async queryMessage(
    topic: string,
    key: string,
    { maxNum = 64, beginTimestamp = 0, endTimestamp = Number.MAX_SAFE_INTEGER, uniqueKey = false } = {},
  ): Promise<ReceivedMessage[]> {
    const { brokerDatas } = await this.topicRoute(topic)
    const header = { topic, key, maxNum, beginTimestamp, endTimestamp, uniqueKeyQuery: uniqueKey }
    const found = await Promise.all(
      brokerDatas.map(async ({ brokerName, brokerAddrs }) => {
        const address = brokerAddrs.get(MASTER) ?? brokerAddrs.values().next().value
        if (address === undefined) return []
        const { status, body } = await this.#at(address, queryMessage, header)
        return status === 'SUCCESS' && body ? this.#received(body, brokerName) : []
      }),
    )
    // Two keys may have the same hash, and the broker compares hashes only.
    return found
      .flat()
      .filter(message => (uniqueKey ? message.msgId === key : message.keys.includes(key)))
      .sort((a, b) => a.storeTimestamp - b.storeTimestamp)
  }

  minOffset(queue: MessageQueue): Promise<number> {
    return this.#reader().minOffset(queue)
  }

  /** The offset that the queue will give to its next message. */
  maxOffset(queue: MessageQueue): Promise<number> {
    return this.#reader().maxOffset(queue)
  }

  /** Of the first message stored at or after `timestamp` (ms since 1970). */
  searchOffset(queue: MessageQueue, timestamp: number): Promise<number> {
    return this.#reader().searchOffset(queue, timestamp)
  }

  #reader(): QueueReader {
    return new QueueReader(this.client, 'TOOLS_CONSUMER')
  }

  #received(body: Uint8Array, brokerName: string): ReceivedMessage[] {
    return decodeRecords(Buffer.from(body.buffer, body.byteOffset, body.byteLength)).map(record =>
      receivedMessage({ topic: record.topic, brokerName, queueId: record.queueId }, record),
    )
  }

  // ---- asking

  async #mastersOf(topic: string): Promise<string[]> {
    const masters = mastersIn((await this.topicRoute(topic)).brokerDatas)
    if (masters.length === 0) throw new ClientError('NO_BROKER', `topic ${topic} has no master broker`)
    return masters
  }

  #ask<D extends Requests[string]>(declaration: D, header: Partial<HeaderOf<D>>): Promise<ReplyOf<D>> {
    return this.client.routes.invokeNameServer(declaration, header)
  }

  #at<D extends Requests[string]>(
    address: string,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>> = {},
  ): Promise<ReplyOf<D>> {
    return this.client.remoting.invoke(address, declaration, header, { timeoutMs: this.client.timeoutMs, ...options })
  }

  /** All at once; the first failure, in the order of the addresses, is the outcome. */
  async #onAll<T>(addresses: readonly string[], call: (address: string) => Promise<T>): Promise<T[]> {
    const outcomes = await Promise.allSettled(addresses.map(address => call(address)))
    return outcomes.map(outcome => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }
}

function mastersIn(brokers: readonly BrokerData[]): string[] {
  return brokers.flatMap(({ brokerAddrs }) => brokerAddrs.get(MASTER) ?? [])
}

function rows<T extends object>(
  entries: readonly (readonly [MessageQueue, T])[],
): (T & { messageQueue: MessageQueue })[] {
  return entries
    .map(([messageQueue, value]) => ({ messageQueue, ...value }))
    .sort((a, b) => compareQueues(a.messageQueue, b.messageQueue))
}

/** As java.util.Properties reads it. */
function escaped(text: string): string {
  return text
    .replace(/[\\=:#!]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/^ /, '\\ ')
}
