import { crc32 } from 'node:zlib'
import {
  CURRENT_VERSION,
  encodeCompressedRegisterBrokerBody,
  nameserverRequests,
  type RegisterBrokerBody,
  ResponseError,
  registerBrokerBody,
} from '@rocketcluster/protocol'
import { type RemotingClient, TransportError } from '@rocketcluster/remoting'
import { parseAddress } from '@rocketcluster/remoting/internal'
import type { Log, Timer, World } from '@rocketcluster/world'

export interface Registration {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  readonly brokerAddr: string
  readonly haServerAddr: string
  /** Every topic and its version, or with names given only those. */
  readonly body: (topics?: readonly string[]) => RegisterBrokerBody
}

export interface NameServersOptions {
  /** namesrvAddr: `host:port` each. Host names are looked up again every second. */
  readonly namesrvAddr: readonly string[]
  /** registerNameServerPeriod, clamped to 10 to 60 s as in BrokerController.java. */
  readonly registerPeriodMs: number
  /** brokerHeartbeatInterval */
  readonly heartbeatIntervalMs: number
  /** brokerNotActiveTimeoutMillis: a name server forgets us when it has heard nothing for so long. */
  readonly notActiveTimeoutMs: number
  /** compressedRegister */
  readonly compressed: () => boolean
  /** registerBrokerTimeoutMills */
  readonly timeoutMs: number
}

/**
 * How long an operator's change, or the broker's start, waits for name servers. One that needs longer is told in the
 * background: it must not make `updateTopic` time out, nor keep a broker from serving clients that know it.
 */
const PATIENCE_MS = 3000
/** A beat is small: one that takes longer goes over a connection on which nothing arrives any more. */
const BEAT_TIMEOUT_MS = 3000
/** How long a broker that leaves waits for what is on its way to a name server, and for its goodbye. */
const GOODBYE_MS = 1000

interface NameServer {
  readonly address: string
  registeredAtMs: number | undefined
  /** The call that is on its way. */
  busy: Promise<void> | undefined
  /** Something changed while a call was on its way. */
  again: boolean
  failing: boolean
}

/**
 * Keeps this broker registered with EVERY name server. They never talk to each other, so each one is told everything:
 * in full at once when it appears and then every registerPeriodMs, changed topics immediately, and a beat every
 * heartbeatIntervalMs. The beat is QUERY_DATA_VERSION, which name servers of every version understand, which also
 * moves the expiry, and whose answer says when this name server has lost us (it restarted, or our connection broke).
 */
export class NameServers {
  readonly #world: World
  readonly #log: Log
  readonly #client: RemotingClient
  readonly #options: NameServersOptions
  readonly #registration: Registration
  readonly #known = new Map<string, NameServer>()
  /** By configured name, what the resolver last said: a name that cannot be looked up now keeps its addresses. */
  readonly #addressesOf = new Map<string, readonly string[]>()
  readonly #unresolved = new Set<string>()
  #timer: Timer | undefined
  #resolving: Promise<void> | undefined
  #stopped = false
  /** Told the topics that a name server's ORDER_TOPIC_CONFIG names, whenever it answers a registration with some. */
  onOrderTopics: (topics: readonly string[]) => void = () => {}
  /** Told who a name server takes for this group's master, whenever it answers a registration with one. */
  onMaster: (masterAddress: string, haServerAddress: string) => void = () => {}

  constructor(world: World, client: RemotingClient, registration: Registration, options: NameServersOptions) {
    this.#world = world
    this.#log = world.log.child({ part: 'name-servers' })
    this.#client = client
    this.#registration = registration
    this.#options = options
  }

  get addresses(): string[] {
    return [...this.#known.keys()]
  }

  /** True when every name server that was found has this broker's registration. */
  get registeredEverywhere(): boolean {
    return this.#known.size > 0 && [...this.#known.values()].every(server => server.registeredAtMs !== undefined)
  }

  /**
   * Registers everywhere. Resolves after one attempt with each, or after three seconds; those that fail are tried again
   * every second.
   */
  async start(): Promise<void> {
    const { clock } = this.#world
    const beat = Math.min(this.#options.heartbeatIntervalMs, 1000)
    this.#timer = clock.setInterval(() => void this.#tick(), beat)
    await this.#within(
      PATIENCE_MS,
      this.#tick().then(() => this.#allQuiet()),
    )
  }

  /** Tells every name server of changed topics; resolves when each has answered, failed (then it gets all later) or is too slow. */
  async topicsChanged(topics: readonly string[]): Promise<void> {
    await this.#registerEverywhere(topics)
  }

  /** Registers everything everywhere now: after a change of role or permission. */
  async registerAll(): Promise<void> {
    await this.#registerEverywhere()
  }

  async #registerEverywhere(topics?: readonly string[]): Promise<void> {
    const told = [...this.#known.values()].map(server => this.#register(server, topics))
    await this.#within(PATIENCE_MS, Promise.all(told))
  }

  /**
   * Tells the name servers that this broker leaves; clients stop choosing it at their next route query. Nothing is
   * registered any more afterwards.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    // A registration that arrived behind the goodbye would bring clients to a broker that is gone.
    await this.#within(GOODBYE_MS, this.#allQuiet())
    const { clusterName, brokerName, brokerId, brokerAddr } = this.#registration
    await Promise.allSettled(
      [...this.#known.values()].map(server =>
        this.#client.invoke(
          server.address,
          nameserverRequests.unregisterBroker,
          { clusterName, brokerName, brokerId, brokerAddr },
          { timeoutMs: GOODBYE_MS },
        ),
      ),
    )
    this.#known.clear()
  }

  /** Nothing is registered any more, and nobody is told. */
  fallSilent(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#known.clear()
  }

  /** Resolves when no call is on its way, or with what came after it. */
  async #allQuiet(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ busy }) => busy))
  }

  async #within(timeoutMs: number, done: Promise<unknown>): Promise<void> {
    const patience = new AbortController()
    await Promise.race([done, this.#world.clock.sleep(timeoutMs, patience.signal).catch(() => {})])
    patience.abort()
  }

  async #tick(): Promise<void> {
    await this.#resolve()
    const now = this.#world.clock.monotonicMs()
    const period = Math.min(60_000, Math.max(10_000, this.#options.registerPeriodMs))
    for (const server of this.#known.values()) {
      if (server.busy) continue
      if (server.registeredAtMs === undefined || now - server.registeredAtMs >= period) void this.#register(server)
      else void this.#call(server, () => this.#beat(server))
    }
  }

  /** Never rejects. A resolver that does not answer keeps nobody waiting but who came first. */
  #resolve(): Promise<void> {
    if (this.#resolving) return this.#known.size > 0 ? Promise.resolve() : this.#resolving
    this.#resolving = this.#lookUp().finally(() => (this.#resolving = undefined))
    return this.#resolving
  }

  async #lookUp(): Promise<void> {
    await Promise.all(this.#options.namesrvAddr.map(configured => this.#lookUpOne(configured)))
    if (this.#stopped) return
    // Two names may stand for one address: it is told once.
    const found = new Set([...this.#addressesOf.values()].flat())
    for (const address of this.#known.keys()) if (!found.has(address)) this.#known.delete(address)
    for (const address of found)
      if (!this.#known.has(address))
        this.#known.set(address, { address, registeredAtMs: undefined, busy: undefined, again: false, failing: false })
  }

  async #lookUpOne(configured: string): Promise<void> {
    const { host, port } = parseAddress(configured)
    try {
      const ips = await this.#world.network.resolve(host)
      this.#addressesOf.set(
        configured,
        ips.map(ip => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
      )
      this.#unresolved.delete(configured)
    } catch (error) {
      // Said once per outage. A resolver that is away for a moment must not take away the name servers that still answer.
      if (!this.#unresolved.has(configured)) this.#log.warn({ host, error }, 'cannot look up a name server')
      this.#unresolved.add(configured)
    }
  }

  /** Runs one call to a name server, and after it a full registration when something changed meanwhile. Never rejects. */
  #call(server: NameServer, run: () => Promise<void>): Promise<void> {
    const call = run().then(() => {
      server.busy = undefined
      if (!server.again || this.#stopped || this.#known.get(server.address) !== server) return undefined
      server.again = false
      return this.#register(server)
    })
    server.busy = call
    return call
  }

  #register(server: NameServer, topics?: readonly string[]): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    if (server.busy) {
      // Whatever is on its way may have been composed before this change; a full registration follows it.
      server.again = true
      return server.busy
    }
    return this.#call(server, () => this.#sendRegistration(server, topics))
  }

  async #sendRegistration(server: NameServer, topics?: readonly string[]): Promise<void> {
    const { clusterName, brokerName, brokerId, brokerAddr, haServerAddr, body } = this.#registration
    // A name server that does not know us refuses a part.
    const only = server.registeredAtMs === undefined ? undefined : topics
    const compressed = this.#options.compressed()
    const bytes = compressed
      ? encodeCompressedRegisterBrokerBody(body(only), CURRENT_VERSION)
      : Buffer.from(registerBrokerBody.encode(body(only)))
    try {
      const answer = await this.#client.invoke(
        server.address,
        nameserverRequests.registerBroker,
        {
          clusterName,
          brokerName,
          brokerId,
          brokerAddr,
          haServerAddr,
          heartbeatTimeoutMillis: this.#options.notActiveTimeoutMs,
          enableActingMaster: false,
          compressed,
          bodyCrc32: crc32(bytes) & 0x7fffffff,
        },
        { body: bytes, timeoutMs: this.#options.timeoutMs },
      )
      if (server.failing || server.registeredAtMs === undefined)
        this.#log.info({ nameServer: server.address }, 'registered')
      server.failing = false
      server.registeredAtMs = this.#world.clock.monotonicMs()
      if (answer.masterAddr && answer.haServerAddr) this.onMaster(answer.masterAddr, answer.haServerAddr)
      const ordered = [...(answer.body?.table?.keys() ?? [])]
      if (ordered.length > 0) this.onOrderTopics(ordered)
    } catch (error) {
      this.#failed(server, error)
    }
  }

  async #beat(server: NameServer): Promise<void> {
    const { clusterName, brokerName, brokerId, brokerAddr, body } = this.#registration
    try {
      const answer = await this.#client.invoke(
        server.address,
        nameserverRequests.queryDataVersion,
        { clusterName, brokerName, brokerId, brokerAddr },
        {
          body: body([]).topicConfigSerializeWrapper.dataVersion,
          timeoutMs: Math.min(BEAT_TIMEOUT_MS, this.#options.timeoutMs),
        },
      )
      if (answer.changed) server.again = true
    } catch (error) {
      this.#failed(server, error)
    }
  }

  #failed(server: NameServer, error: unknown): void {
    // Said once per outage: a name server that is away for an hour must not fill the log.
    if (!server.failing)
      this.#log.warn(
        { nameServer: server.address, error, refused: error instanceof ResponseError },
        'a name server does not have our registration; trying again every second',
      )
    server.failing = true
    server.registeredAtMs = undefined
    // The next attempt goes over a new connection: on one that fell silent nothing would ever arrive.
    if (error instanceof TransportError && error.kind === 'timeout') this.#client.connection(server.address)?.destroy()
  }
}
