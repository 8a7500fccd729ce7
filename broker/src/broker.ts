import type { BrokerConfig } from '@rocketcluster/config'
import {
  CURRENT_VERSION,
  encodeHost,
  offsetMsgIds,
  PullReplyWriter,
  printHost,
  SendReplyWriter,
  UniqKeyGenerator,
} from '@rocketcluster/protocol'
import { type HotHandler, RemotingClient, RemotingServer } from '@rocketcluster/remoting'
import { parseAddress } from '@rocketcluster/remoting/internal'
import type { Log, Timer, TlsServerOptions, World } from '@rocketcluster/world'
import type { BackgroundService } from './background-service.ts'
import { notifyMembers } from './clients/notify-members.ts'
import { Configuration } from './configuration.ts'
import { brokerHandlers, handledRequests, slaveHandlers } from './handlers.ts'
import { HotPulls, PULL_CODES } from './messaging/hot-pulls.ts'
import { HotSends } from './messaging/hot-sends.ts'
import { TopicRoutes } from './messaging/pop/topic-routes.ts'
import { Sends } from './messaging/sends.ts'
import { StoredProperties } from './messaging/stored-properties.ts'
import type { ConsumerOffsets } from './metadata/consumer-offsets.ts'
import { registeredTopics } from './metadata/registered-topics.ts'
import { topicConfig } from './metadata/system-topics.ts'
import { NameServers } from './name-servers.ts'
import { type BrokerParts, openParts } from './open-parts.ts'
import { RecentStats } from './recent-stats.ts'
import { MasterReplication } from './replication/master-replication.ts'
import type { Replication } from './replication/replication.ts'
import { SlaveReplication } from './replication/slave-replication.ts'
import type { BrokerServices } from './services.ts'
import { Store } from './store/store.ts'
import { applyLiveKeys, storeConfigOf } from './store-config-of.ts'

export interface BrokerOptions {
  readonly config: BrokerConfig
  readonly tls?: TlsServerOptions
  /** The memory this process may count with, in bytes: what accessMessageInMemoryMaxRatio is a part of. */
  readonly physicalMemoryBytes: number
  /** One that is open already; it stays open when the broker stops. Opened, and closed, by the broker without. */
  readonly store?: Store
  /** One that is in force already, with run-time changes; made from `config` without. */
  readonly configuration?: Configuration
  /** In a group whose master a controller chooses: what this broker is in it now. */
  readonly role?: Role
  /** A slave whose master's log begins only behind the end of its own. It follows no more; see `LinkClientOptions`. */
  readonly onTooFarBehind?: (minOffset: number) => void
}

/** What a broker is in a group whose master a controller chooses, until it becomes something else. */
export interface Role {
  /** Since which epoch it is master; undefined for a slave. */
  readonly masterEpoch: number | undefined
  startReplication(parts: ReplicationParts): Promise<Replication>
}

/** What replication needs of its broker. */
export interface ReplicationParts extends BrokerParts {
  readonly world: World
  readonly client: RemotingClient
  readonly store: Store
  /** Live: read at every use. */
  readonly config: BrokerConfig
  /** Where links are served; 0 takes any free port. */
  readonly haPort: number
  /** `<storePathRootDir>/config` */
  readonly directory: string
}

/**
 * The fast ("VIP") port serves everything but reads, so that a flood of readers cannot delay senders
 * (BrokerController.java registers the pull family on the main server only).
 */
const NOT_ON_FAST_PORT = [
  ...PULL_CODES,
  handledRequests.popMessage.code,
  handledRequests.peekMessage.code,
  handledRequests.notification.code,
  handledRequests.pollingInfo.code,
]
const SEND_CODES = [
  handledRequests.sendMessage.code,
  handledRequests.sendMessageV2.code,
  handledRequests.sendBatchMessage.code,
]
const FAST_PORT_DISTANCE = 2
/** MixAll.MASTER_ID */
const MASTER_ID = 0
const HA_PORT_DISTANCE = 1

const HANDLED_CODES: ReadonlySet<number> = new Set(Object.values(handledRequests).map(({ code }) => code))
/** Stands for every request code that has no handler. */
const UNKNOWN_CODE = -1

/** How long a broker that stops waits for the disk to have what producers wait for. */
const LAST_ANSWERS_MS = 5000
const LAST_ANSWERS_LOOK_MS = 5
/** How long requests are held for what was accepted before. */
const HOLD_MS = 1000

/** How often silent clients, and held pulls whose time is up, are looked for. */
const EXPIRE_CLIENTS_MS = 10_000
const EXPIRE_PULLS_MS = 100

/** BrokerController.java */
const FLUSH_FILTERS_MS = 10_000

/** What stopping needs of a listening port. */
interface Server {
  goAway(): void
  hold(): void
  letGo(): void
  stopListening(): Promise<void>
  close(options: { graceMs: number }): Promise<void>
}

/** One broker: the store, what it knows of topics, groups and clients, its listeners, and its registrations. */
export class Broker {
  readonly services: BrokerServices
  readonly #log: Log
  readonly #client: RemotingClient
  readonly #servers: readonly Server[]
  readonly #background: readonly BackgroundService[]
  readonly #timers: readonly Timer[]
  readonly #ownsStore: boolean
  #stopping: Promise<void> | undefined

  private constructor(parts: {
    services: BrokerServices
    log: Log
    client: RemotingClient
    servers: readonly Server[]
    background: readonly BackgroundService[]
    timers: readonly Timer[]
    ownsStore: boolean
  }) {
    this.services = parts.services
    this.#log = parts.log
    this.#client = parts.client
    this.#servers = parts.servers
    this.#background = parts.background
    this.#timers = parts.timers
    this.#ownsStore = parts.ownsStore
  }

  /** `brokerIP1:port`: where clients reach this broker. */
  get address(): string {
    return this.services.brokerAddress
  }

  /** True when every name server that was found knows this broker. */
  get ready(): boolean {
    return this.services.nameServers.registeredEverywhere && this.#stopping === undefined
  }

  /** Why this process has to be replaced by a new one, or undefined: its disk has failed. */
  get deadReason(): string | undefined {
    return this.services.store.deadReason
  }

  /**
   * Opens the store (with recovery when it was not closed cleanly), listens, and registers with every name server.
   * Resolves when clients can be served. Throws when the store is locked or unreadable, or a port is taken; nothing
   * stays open then.
   */
  static async start(world: World, options: BrokerOptions): Promise<Broker> {
    const configuration = options.configuration ?? new Configuration(world.disk, options.config)
    const config = configuration.current
    const { role } = options
    const directory = `${config.storePathRootDir}/config`
    // The address stands in every record. Its port is known only when it is bound, and nothing is appended before.
    const storeHost = options.store?.storeHost ?? encodeHost(config.brokerIP1, config.listenPort)
    const store =
      options.store ?? (await Store.open(world, storeConfigOf(config, storeHost, options.physicalMemoryBytes)))
    // Nothing goes before it is known what still waits for its time.
    store.neededFrom = async () => 0
    const isSlave = config.brokerRole === 'SLAVE'
    store.configure({ brokerRole: config.brokerRole })
    store.beginRole()
    store.refuseWrites(isSlave ? 'this broker is a slave: only the master of its group takes messages' : undefined)
    const client = new RemotingClient(world, {})
    const started: { close(): Promise<void> }[] = [
      ...(options.store === undefined ? [store] : []),
      { close: async () => client.close() },
    ]
    try {
      const parts = await openParts(world, config, store, directory)
      const { topics, offsets, filters, stats, clients, heldPulls, orderLocks, recentStats } = parts
      const { throughput, schedule, timer, transactions, pops } = parts
      if (role?.masterEpoch !== undefined) await becomeMaster(parts, store, role.masterEpoch, world.log)
      const uniqKeys = new UniqKeyGenerator({
        clock: world.clock,
        ip: storeHost.subarray(0, storeHost.length - 4),
        pid: world.random.int(0x10000),
        instance: world.random.int(2 ** 31),
      })
      const properties = new StoredProperties({
        ...config,
        clusterName: config.brokerClusterName,
        newUniqKey: () => uniqKeys.next(),
      })
      const randomInt = (bound: number) => world.random.int(bound)
      const services: { -readonly [K in keyof BrokerServices]: BrokerServices[K] } = {
        ...parts,
        world,
        config,
        brokerAddress: '',
        store,
        routes: new TopicRoutes(client, world.clock, () => services.nameServers.addresses),
        sends: undefined as unknown as Sends,
        replication: undefined as unknown as Replication,
        nameServers: undefined as unknown as NameServers,
        brokerStart: world.clock.now(),
        updateConfig: changes => configuration.update(changes),
      }
      // Their answers name the port, which is known only when it is bound; no frame comes before that.
      let hotHandlers: Record<number, HotHandler> = {}
      const hot = Object.fromEntries(
        [...SEND_CODES, ...PULL_CODES].map(
          code => [code, (frame, connection) => hotHandlers[code]!(frame, connection)] satisfies [number, HotHandler],
        ),
      )
      let connectionIds = 0
      const serve = (port: number, excludeCodes: readonly number[]) =>
        new RemotingServer(world, {
          host: config.bindAddress,
          port,
          nextConnectionId: () => connectionIds++,
          tls: options.tls,
          requests: handledRequests,
          handlers: isSlave ? slaveHandlers : brokerHandlers,
          services,
          excludeCodes,
          limits: { highWaterBytes: config.writeBufferHighWaterMark },
          idleTimeoutMs: config.serverChannelMaxIdleTimeSeconds * 1000,
          hot,
          onClose: connection => {
            clients.channelClosed(connection)
            heldPulls.connectionClosed(connection.id)
            pops.connectionClosed(connection.id)
          },
          // A stranger's codes are one: each would cost a histogram for ever.
          onRequest: ({ code, status, latencyMs, oneWay }) =>
            stats.answered(HANDLED_CODES.has(code) ? code : UNKNOWN_CODE, status, latencyMs, oneWay, false),
        })
      const main = serve(config.listenPort, [])
      const { port } = await main.start()
      started.push({ close: () => main.close({ graceMs: 0 }) })
      // Clients keep the group's address, whoever is its master; so do the ids of its messages.
      const isGroupMaster = role?.masterEpoch !== undefined && config.groupAddress !== ''
      const brokerAddress = isGroupMaster ? config.groupAddress : printHost({ address: config.brokerIP1, port })
      storeHost.writeInt32BE(parseAddress(brokerAddress).port, storeHost.length - 4)
      const sends = new Sends({
        config,
        topics,
        store,
        puts: parts.puts,
        transactions,
        deadLetters: parts.deadLetters,
        properties,
        randomInt,
        now: () => world.clock.now(),
        stats,
        msgId: offsetMsgIds(storeHost),
      })
      services.sends = sends
      const responder = { language: 'JAVA', version: CURRENT_VERSION, serializeType: 'JSON' } as const
      const hostHex = storeHost.toString('hex').toUpperCase()
      const sendReply = () => {
        const { regionId, traceOn } = config
        return new SendReplyWriter({ ...responder, hostHex, regionId, traceOn })
      }
      const hotSends = new HotSends({ sends, clock: world.clock, log: world.log, stats, reply: sendReply() })
      const hotPulls = new HotPulls(services, new PullReplyWriter(responder))
      hotHandlers = { ...hotSends.handlers(), ...hotPulls.handlers() }
      services.brokerAddress = brokerAddress
      // With a port that nobody chose, its neighbour may be somebody's.
      const haPort = config.haListenPort || (config.listenPort === 0 ? 0 : port + HA_PORT_DISTANCE)
      const replicationParts: ReplicationParts = { ...parts, world, client, store, config, haPort, directory }
      const slave = isSlave && role === undefined ? classicSlave(replicationParts, options) : undefined
      const replication: Replication =
        (await role?.startReplication(replicationParts)) ?? slave ?? (await classicMaster(replicationParts))
      started.push({ close: () => replication.stop() })
      services.replication = replication
      const nameServers = new NameServers(
        world,
        client,
        {
          clusterName: config.brokerClusterName,
          brokerName: config.brokerName,
          // Clients know a master by this id; a controller by its own.
          brokerId: role?.masterEpoch === undefined ? config.brokerId : MASTER_ID,
          brokerAddr: brokerAddress,
          haServerAddr: replication.haAddress,
          body: only => ({
            filterServerList: [],
            topicConfigSerializeWrapper: registeredTopics(topics.snapshot(only), config.brokerPermission),
          }),
        },
        {
          namesrvAddr: config.namesrvAddr,
          registerPeriodMs: config.registerNameServerPeriod,
          heartbeatIntervalMs: config.brokerHeartbeatInterval,
          notActiveTimeoutMs: config.brokerNotActiveTimeoutMillis,
          compressed: () => config.compressedRegister,
          timeoutMs: config.registerBrokerTimeoutMills,
        },
      )
      services.nameServers = nameServers
      nameServers.onMaster = (masterAddress, haAddress) => slave?.masterIs(masterAddress, haAddress)
      // Who asked for a change is answered when replicas have it.
      const metadataChanged = async () => replication.metadataChanged?.()
      parts.groups.onChange = metadataChanged
      offsets.onReset = metadataChanged
      topics.onStored = metadataChanged
      topics.onChange = changed => nameServers.topicsChanged(changed)
      nameServers.onOrderTopics = ordered => {
        topics
          .markOrdered(ordered)
          .catch(error => world.log.warn({ error }, 'topics that a name server calls ordered are not marked yet'))
      }
      clients.onMembersChanged = group => {
        if (!clients.consumerGroup(group)) filters.unregister(group)
        notifyMembers(services, group)
      }
      configuration.onChange = () => {
        applyLiveKeys(store, config)
        properties.configure({ ...config, clusterName: config.brokerClusterName })
        hotSends.reply = sendReply()
      }
      // Whatever a request may ask for is there now.
      const servers = [main]
      if (config.listenPort > FAST_PORT_DISTANCE) {
        servers.push(serve(config.listenPort - FAST_PORT_DISTANCE, NOT_ON_FAST_PORT))
      }
      await replication.ready?.()
      if (role?.masterEpoch !== undefined) clampOffsets(offsets, store, role.masterEpoch, world.log)
      if (isGroupMaster && config.groupListenPort !== 0) {
        servers.push(serve(config.groupListenPort, []))
        if (config.groupListenPort > FAST_PORT_DISTANCE)
          servers.push(serve(config.groupListenPort - FAST_PORT_DISTANCE, NOT_ON_FAST_PORT))
      }
      for (const server of servers.slice(1)) {
        await server.start()
        started.push({ close: () => server.close({ graceMs: 0 }) })
      }

      const every = (periodMs: number, run: () => void) => world.clock.setInterval(run, periodMs)
      const timers = [
        every(EXPIRE_PULLS_MS, () => heldPulls.expire(world.clock.monotonicMs())),
        every(EXPIRE_CLIENTS_MS, () => {
          for (const channel of clients.expire()) channel.destroy()
          orderLocks.expire()
        }),
        every(1000, () => throughput.sample()),
        every(RecentStats.PERIOD_MS, () => recentStats.sample()),
        every(config.flushConsumerOffsetInterval, () => {
          offsets.flush().catch(error => world.log.error({ error }, 'consumer offsets cannot be saved; trying again'))
        }),
        every(FLUSH_FILTERS_MS, () => {
          filters.flush().catch(error => world.log.error({ error }, 'consumer filters cannot be saved; trying again'))
        }),
      ]
      started.push({
        close: async () => {
          for (const timer of timers) timer.cancel()
        },
      })
      const background: BackgroundService[] = isSlave ? [] : [schedule, timer, transactions, pops]
      // Each member of a group compacts for itself.
      if (parts.compaction !== undefined) background.push(parts.compaction)
      for (const service of background) {
        await service.start()
        started.push({ close: () => service.stop() })
      }
      await nameServers.start()
      world.log.info({ brokerName: config.brokerName, address: brokerAddress }, 'the broker serves')
      const ownsStore = options.store === undefined
      return new Broker({ services, log: world.log, client, servers, background, timers, ownsStore })
    } catch (error) {
      for (const part of started.reverse()) await part.close().catch(() => {})
      throw error
    }
  }

  /**
   * Leaves without losing anything: the name servers hear of it first, then no new requests, then what was accepted is
   * answered, then everything is synced and the store is closed, unless it was given. Harmless when called twice.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /**
   * Requests wait from now on, unread. Resolves when everything that was accepted is answered, or after a second; `letGo` takes it
   * back.
   */
  async hold(): Promise<void> {
    const { world, sends, store } = this.services
    for (const server of this.#servers) server.hold()
    const patienceEndMs = world.clock.monotonicMs() + HOLD_MS
    const isQuiet = () => sends.outstanding === 0 && store.readableOffset >= store.maxPhysicalOffset
    while (!isQuiet() && world.clock.monotonicMs() < patienceEndMs) await world.clock.sleep(LAST_ANSWERS_LOOK_MS)
  }

  letGo(): void {
    for (const server of this.#servers) server.letGo()
  }

  /**
   * Stops at once, to go on in another role: nobody can connect any more, and what is not answered is not. Connections are closed
   * when `successor` has resolved: a client connects again at once, and should find somebody. The name servers hear nothing:
   * who is master now tells them, under the same name.
   */
  stopForRole(successor: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.#stopping ??= this.#stop(successor)
    return this.#stopping
  }

  async #stop(successor?: Promise<unknown>): Promise<void> {
    const { world, config, nameServers, heldPulls, pops, filters, offsets, topics, groups, store, sends, clients } =
      this.services
    const leaves = successor === undefined
    if (leaves) await nameServers.stop()
    else {
      nameServers.fallSilent()
      store.endRole()
      for (const server of this.#servers) server.hold()
      await Promise.all(this.#servers.map(server => server.stopListening()))
      await successor
    }
    // Every connection that closes now would tell all others.
    clients.onMembersChanged = () => {}
    if (leaves) for (const server of this.#servers) server.goAway()
    heldPulls.close()
    pops.close()
    const patienceEndMs = world.clock.monotonicMs() + (leaves ? LAST_ANSWERS_MS : 0)
    // What is stored is acknowledged before its connection closes: else its producer sends it again.
    while (sends.outstanding > 0 && world.clock.monotonicMs() < patienceEndMs)
      await world.clock.sleep(LAST_ANSWERS_LOOK_MS)
    const graceMs = leaves && config.enableShutdownGracefully ? config.shutdownWaitTimeSeconds * 1000 : 0
    await Promise.all(this.#servers.map(server => server.close({ graceMs })))
    for (const timer of this.#timers) timer.cancel()
    const ended = await Promise.allSettled(this.#background.map(service => service.stop()))
    await this.services.replication.stop()
    await this.#client.close()
    const saved = await Promise.allSettled([offsets.flush(), filters.flush(), topics.save(), groups.save()])
    for (const result of [...ended, ...saved])
      if (result.status === 'rejected')
        this.#log.error({ error: result.reason }, 'metadata or progress could not be saved')
    if (this.#ownsStore) await store.close()
    if (leaves) this.#log.info({}, 'the broker has stopped')
  }
}

function classicSlave(parts: ReplicationParts, { onTooFarBehind = () => {} }: BrokerOptions): SlaveReplication {
  const { store } = parts
  return new SlaveReplication({ ...parts, log: store, forgetTopic: topic => store.deleteTopic(topic), onTooFarBehind })
}

function classicMaster(parts: ReplicationParts): Promise<MasterReplication> {
  const { store, haPort: port } = parts
  return MasterReplication.start({ ...parts, log: store, port, refuseWrites: reason => store.refuseWrites(reason) })
}

/** What the broker knows is as good as what the masters before it knew; from now on its own word counts. */
async function becomeMaster({ topics, groups }: BrokerParts, store: Store, epoch: number, log: Log): Promise<void> {
  // With Async a topic may have come in the log only. Nobody could read it without its settings.
  const orphans = [...store.topics()].filter(({ topic }) => topics.get(topic) === undefined)
  if (orphans.length > 0) {
    log.warn(
      { topics: orphans.map(({ topic }) => topic), epoch },
      'topics in the log that no master has told of: made anew',
    )
    await topics.putAll(orphans.map(({ topic, queueIds }) => topicConfig(topic, Math.max(...queueIds) + 1)))
  }
  topics.startEpoch(epoch)
  groups.startEpoch(epoch)
}

/** New messages must not be taken for consumed because those before them, which this replica did not get, were. */
function clampOffsets(offsets: ConsumerOffsets, store: Store, epoch: number, log: Log): void {
  const clamped = offsets.clamp((topic, queueId) => store.nextOffset(topic, queueId))
  if (clamped > 0)
    log.warn({ clamped, epoch }, 'consumers were ahead of what this replica has: their offsets go back to it')
}
