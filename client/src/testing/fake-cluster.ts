import { Buffer } from 'node:buffer'
import {
  brokerRequests,
  clientRequests,
  decodeBatch,
  encodeHost,
  encodeRecord,
  findProperty,
  type HeaderOf,
  nameserverRequests,
  parseProperties,
  property,
  type ResponseCodeName,
  ResponseError,
  recordSize,
  type sendMessageV2,
  type TopicRouteData,
  tagsCode,
} from '@rocketcluster/protocol'
import { RemotingServer, type ServerConnection } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'

interface Stored {
  readonly record: Buffer
  readonly tagsCode: number
  readonly storeTimestamp: number
}

type SendHeader = HeaderOf<typeof sendMessageV2>

/** As much of a broker as a client can see, in memory. */
export class FakeBroker {
  readonly name: string
  readonly queues = new Map<string, Stored[]>()
  readonly offsets = new Map<string, number>()
  readonly clients = new Map<string, { connection: ServerConnection; groups: string[] }>()
  readonly sent: SendHeader[] = []
  readonly bodies: Buffer[] = []
  readonly pulls: HeaderOf<(typeof brokerRequests)['pullMessage']>[] = []
  readonly resets: unknown[] = []
  readonly configs: string[] = []
  heartbeats = 0
  /** What the next sends are answered with, first to last. */
  readonly failures: ResponseCodeName[] = []
  sendStatus: ResponseCodeName = 'SUCCESS'
  sendDelayMs = 0
  address = ''
  readonly #world: World
  readonly #host: string
  readonly #cluster: FakeCluster
  readonly #held = new Map<string, Set<() => void>>()
  #server: RemotingServer<any, any> | undefined
  #physicalOffset = 0

  constructor(world: World, name: string, cluster: FakeCluster, host: string) {
    this.#host = host
    this.#world = world
    this.name = name
    this.#cluster = cluster
  }

  queue(topic: string, queueId: number): Stored[] {
    const key = `${topic}@${queueId}`
    let queue = this.queues.get(key)
    if (!queue) this.queues.set(key, (queue = []))
    return queue
  }

  async start(port = 0): Promise<void> {
    const { requests, handlers } = this.#serves()
    this.#server = new RemotingServer<any, any>(this.#world, {
      host: this.#host,
      port,
      requests,
      handlers,
      services: {},
      onClose: (connection: ServerConnection) => {
        for (const [clientId, client] of this.clients)
          if (client.connection === connection) {
            this.clients.delete(clientId)
            this.#notify(client.groups)
          }
      },
    })
    const listener = await this.#server.start()
    this.address = `${this.#host}:${listener.port}`
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }

  /** Tells clients something, as a broker may. */
  get connections(): Iterable<ServerConnection> {
    return this.#server?.connections ?? []
  }

  get port(): number {
    return Number(this.address.split(':')[1])
  }

  #notify(groups: Iterable<string>): void {
    for (const consumerGroup of new Set(groups))
      for (const { connection, groups: theirs } of this.clients.values())
        if (theirs.includes(consumerGroup))
          connection.notify(clientRequests.notifyConsumerIdsChanged, { consumerGroup })
  }

  #store(
    topic: string,
    queueId: number,
    header: SendHeader,
    body: Buffer,
    properties: string,
  ): { queueOffset: number; physicalOffset: number } {
    const queue = this.queue(topic, queueId)
    const host = encodeHost(this.#host, this.port)
    const message = {
      topic: Buffer.from(topic),
      queueId,
      flag: header.flag,
      sysFlag: header.sysFlag,
      bornTimestamp: header.bornTimestamp,
      bornHost: host,
      storeHost: host,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      body,
      properties: Buffer.from(properties),
    }
    const record = Buffer.alloc(recordSize(message))
    const physicalOffset = this.#physicalOffset
    const storeTimestamp = this.#world.clock.now()
    encodeRecord(record, 0, message, queue.length, physicalOffset, storeTimestamp)
    this.#physicalOffset += record.length
    queue.push({ record, tagsCode: tagsCode(parseProperties(properties).get(property.TAGS)), storeTimestamp })
    for (const wake of this.#held.get(`${topic}@${queueId}`) ?? []) wake()
    return { queueOffset: queue.length - 1, physicalOffset }
  }

  async #send(header: SendHeader, body: Buffer): Promise<any> {
    const failure = this.failures.shift()
    if (failure) throw new ResponseError(failure, `told to say ${failure}`)
    if (this.sendDelayMs > 0) await this.#world.clock.sleep(this.sendDelayMs)
    this.#cluster.createIfAbsent(header.topic, this, header.defaultTopicQueueNums)
    if (this.#cluster.keepsNothing) return { msgId: '', queueId: header.queueId, queueOffset: 0 }
    this.sent.push(header)
    this.bodies.push(body)
    const items = header.batch
      ? decodeBatch(body).map(item => ({ body: item.body, properties: item.properties.toString() }))
      : [{ body, properties: header.properties ?? '' }]
    const stored = items.map(item => this.#store(header.topic, header.queueId, header, item.body, item.properties))
    return {
      status: this.sendStatus,
      msgId: stored.map(({ physicalOffset }) => `id${physicalOffset}`).join(),
      queueId: header.queueId,
      queueOffset: stored[0]!.queueOffset,
      transactionId: findProperty(Buffer.from(header.properties ?? ''), property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
    }
  }

  #serves() {
    const { sendMessageV2, sendBatchMessage, pullMessage, heartBeat, unregisterClient, getConsumerListByGroup } =
      brokerRequests
    const { queryConsumerOffset, updateConsumerOffset, getMinOffset, getMaxOffset, searchOffsetByTimestamp } =
      brokerRequests
    const { updateAndCreateTopic, getTopicStatsInfo, invokeBrokerToResetOffset, getConsumeStats, queryMessage } =
      brokerRequests
    const { viewMessageById, updateBrokerConfig, deleteTopicInBroker } = brokerRequests
    const requests = {
      ...{ sendMessageV2, sendBatchMessage, pullMessage, heartBeat, unregisterClient, getConsumerListByGroup },
      ...{ queryConsumerOffset, updateConsumerOffset, getMinOffset, getMaxOffset, searchOffsetByTimestamp },
      ...{ updateAndCreateTopic, getTopicStatsInfo, invokeBrokerToResetOffset, getConsumeStats, queryMessage },
      ...{ viewMessageById, updateBrokerConfig, deleteTopicInBroker },
    }
    const handlers: Record<keyof typeof requests, (header: any, context: any) => any> = {
      sendMessageV2: (header, { body }) => this.#send(header, body),
      sendBatchMessage: (header, { body }) => this.#send(header, body),
      pullMessage: header => this.#pull(header),
      heartBeat: (_, { body, connection }) => {
        this.heartbeats++
        const groups = body.consumerDataSet.map(({ groupName }: { groupName: string }) => groupName)
        const before = this.clients.get(body.clientID)
        this.clients.set(body.clientID, { connection, groups })
        if (before?.groups.join() !== groups.join()) this.#notify(groups)
        return {}
      },
      unregisterClient: ({ clientID, consumerGroup }) => {
        const client = this.clients.get(clientID)
        this.clients.delete(clientID)
        if (client && consumerGroup) this.#notify([consumerGroup])
        return {}
      },
      getConsumerListByGroup: ({ consumerGroup }) => {
        const consumerIdList = [...this.clients]
          .filter(([, { groups }]) => groups.includes(consumerGroup))
          .map(([id]) => id)
        if (consumerIdList.length === 0) throw new ResponseError('SYSTEM_ERROR', 'no consumer for this group')
        return { body: { consumerIdList } }
      },
      queryConsumerOffset: ({ consumerGroup, topic, queueId }) => {
        const offset = this.offsets.get(`${topic}@${consumerGroup}@${queueId}`)
        if (offset === undefined) return { status: 'QUERY_NOT_FOUND', remark: 'not found' }
        return { offset }
      },
      updateConsumerOffset: ({ consumerGroup, topic, queueId, commitOffset }) => {
        this.offsets.set(`${topic}@${consumerGroup}@${queueId}`, commitOffset)
        return {}
      },
      getMinOffset: () => ({ offset: 0 }),
      getMaxOffset: ({ topic, queueId }) => ({ offset: this.queue(topic, queueId).length }),
      searchOffsetByTimestamp: ({ topic, queueId, timestamp }) => {
        const queue = this.queue(topic, queueId)
        const index = queue.findIndex(({ storeTimestamp }) => storeTimestamp >= timestamp)
        return { offset: index < 0 ? queue.length : index }
      },
      updateAndCreateTopic: ({ topic, writeQueueNums }) => {
        this.#cluster.createIfAbsent(topic, this, writeQueueNums)
        return {}
      },
      getTopicStatsInfo: ({ topic }) => ({
        body: {
          topicPutTps: 0,
          offsetTable: new Map(
            Array.from({ length: this.#cluster.queueNums(topic, this) }, (_, queueId) => [
              { topic, brokerName: this.name, queueId },
              { minOffset: 0, maxOffset: this.queue(topic, queueId).length, lastUpdateTimestamp: 0 },
            ]),
          ),
        },
      }),
      invokeBrokerToResetOffset: header => {
        this.resets.push(header)
        return { body: { offsetTable: new Map([[{ topic: header.topic, brokerName: this.name, queueId: 0 }, 5]]) } }
      },
      getConsumeStats: ({ consumerGroup, topic }) => {
        if (consumerGroup === 'nobody') throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', 'no such group')
        return {
          body: {
            consumeTps: 1.5,
            offsetTable: new Map([
              [
                { topic: topic ?? 'T', brokerName: this.name, queueId: 0 },
                { brokerOffset: 9, consumerOffset: 4, lastTimestamp: 0, pullOffset: 4 },
              ],
            ]),
          },
        }
      },
      queryMessage: ({ topic }) => {
        const records = [...this.queues]
          .filter(([key]) => key.startsWith(`${topic}@`))
          .flatMap(([, queue]) => queue.map(({ record }) => record))
        if (records.length === 0) return { status: 'QUERY_NOT_FOUND' }
        return { indexLastUpdateTimestamp: 0, indexLastUpdatePhyoffset: 0, body: records }
      },
      viewMessageById: ({ offset }) => {
        for (const queue of this.queues.values())
          for (const { record } of queue) if (Number(record.readBigInt64BE(28)) === offset) return { body: [record] }
        throw new ResponseError('SYSTEM_ERROR', `no message at ${offset}`)
      },
      updateBrokerConfig: (_, { body }) => {
        this.configs.push(body)
        return {}
      },
      deleteTopicInBroker: ({ topic }) => {
        this.#cluster.topics.delete(topic)
        return {}
      },
    }
    return { requests, handlers }
  }

  async #pull(header: HeaderOf<(typeof brokerRequests)['pullMessage']>): Promise<any> {
    this.pulls.push(header)
    const { topic, queueId, queueOffset, maxMsgNums, subscription, suspendTimeoutMillis, sysFlag } = header
    const queue = this.queue(topic, queueId)
    const codes = subscription === '*' ? [] : subscription!.split('||').map(tag => tagsCode(tag.trim()))
    if (queueOffset >= queue.length && (sysFlag & 2) !== 0)
      await this.#arrival(`${topic}@${queueId}`, suspendTimeoutMillis)
    const fields = { suggestWhichBrokerId: 0, minOffset: 0, maxOffset: queue.length }
    if (queueOffset > queue.length) return { ...fields, status: 'PULL_OFFSET_MOVED', nextBeginOffset: queue.length }
    const seen = queue.slice(queueOffset, queueOffset + maxMsgNums)
    const nextBeginOffset = queueOffset + seen.length
    const found = seen.filter(stored => codes.length === 0 || codes.includes(stored.tagsCode))
    if (found.length === 0)
      return { ...fields, nextBeginOffset, status: seen.length > 0 ? 'PULL_RETRY_IMMEDIATELY' : 'PULL_NOT_FOUND' }
    return { ...fields, nextBeginOffset, body: found.map(({ record }) => record) }
  }

  #arrival(key: string, timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      let held = this.#held.get(key)
      if (!held) this.#held.set(key, (held = new Set()))
      const wake = () => {
        timer.cancel()
        held.delete(wake)
        resolve()
      }
      const timer = this.#world.clock.setTimeout(wake, timeoutMs)
      held.add(wake)
    })
  }
}

/** A name server and some brokers, each one master. */
export class FakeCluster {
  readonly brokers: FakeBroker[]
  /** Queues by broker name, by topic. */
  readonly topics = new Map<string, Map<string, number>>([['TBW102', new Map()]])
  autoCreateTopicEnable = true
  /** Sends are answered and forgotten, for measurements. */
  keepsNothing = false
  readonly deleted: string[] = []
  nameServers: string[] = []
  readonly #world: World
  readonly #host: string
  readonly #servers: RemotingServer<any, any>[] = []

  constructor(world: World, brokers: number, host = '127.0.0.1') {
    this.#host = host
    this.#world = world
    this.brokers = Array.from(
      { length: brokers },
      (_, i) => new FakeBroker(world, `broker-${String.fromCharCode(97 + i)}`, this, host),
    )
  }

  createIfAbsent(topic: string, broker: FakeBroker, queueNums: number): void {
    let at = this.topics.get(topic)
    if (!at) this.topics.set(topic, (at = new Map()))
    if (!at.has(broker.name)) at.set(broker.name, queueNums)
  }

  /** A topic with so many queues on each broker. */
  create(topic: string, queueNums: number): void {
    for (const broker of this.brokers) this.createIfAbsent(topic, broker, queueNums)
  }

  queueNums(topic: string, broker: FakeBroker): number {
    return this.topics.get(topic)?.get(broker.name) ?? 0
  }

  async start(nameServers = 1): Promise<void> {
    for (const broker of this.brokers) {
      await broker.start()
      this.topics.get('TBW102')!.set(broker.name, 8)
    }
    const { getRouteinfoByTopic, getBrokerClusterInfo, getAllTopicListFromNameserver, deleteTopicInNamesrv } =
      nameserverRequests
    for (let i = 0; i < nameServers; i++) {
      const server = new RemotingServer<any, any>(this.#world, {
        host: this.#host,
        port: 0,
        requests: { getRouteinfoByTopic, getBrokerClusterInfo, getAllTopicListFromNameserver, deleteTopicInNamesrv },
        handlers: {
          getRouteinfoByTopic: ({ topic }: any) => ({ body: this.#route(topic) }),
          getBrokerClusterInfo: () => ({
            body: {
              brokerAddrTable: new Map(this.brokers.map(broker => [broker.name, brokerData(broker)])),
              clusterAddrTable: new Map([['DefaultCluster', this.brokers.map(({ name }) => name)]]),
            },
          }),
          getAllTopicListFromNameserver: () => ({ body: { topicList: [...this.topics.keys()] } }),
          deleteTopicInNamesrv: ({ topic }: any) => {
            this.deleted.push(topic)
            return {}
          },
        },
        services: {},
      })
      const { port } = await server.start()
      this.#servers.push(server)
      this.nameServers.push(`${this.#host}:${port}`)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#servers, ...this.brokers].map(server => ('stop' in server ? server.stop() : server.close())),
    )
  }

  async stopNameServer(index: number): Promise<void> {
    await this.#servers[index]!.close()
  }

  #route(topic: string): TopicRouteData {
    const at = this.topics.get(topic)
    if (!at || (topic === 'TBW102' && !this.autoCreateTopicEnable))
      throw new ResponseError('TOPIC_NOT_EXIST', `No topic route info in name server for the topic: ${topic}`)
    return {
      brokerDatas: this.brokers.filter(({ name }) => at.has(name)).map(brokerData),
      queueDatas: [...at].map(([brokerName, nums]) => ({
        brokerName,
        perm: topic === 'TBW102' ? 7 : 6,
        readQueueNums: nums,
        writeQueueNums: nums,
        topicSysFlag: 0,
      })),
      filterServerTable: new Map(),
    }
  }
}

function brokerData(broker: FakeBroker) {
  return {
    brokerAddrs: new Map([[0, broker.address]]),
    brokerName: broker.name,
    cluster: 'DefaultCluster',
    enableActingMaster: false,
  }
}
