import { crc32 } from 'node:zlib'
import {
  CURRENT_VERSION,
  encodeCompressedRegisterBrokerBody,
  type KVTable,
  nameserverRequests,
  type RegisterBrokerBody,
  ResponseError,
  registerBrokerBody,
} from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
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

interface NameServer {
  readonly address: string
  registeredAtMs: number | undefined
  busy: boolean
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
  #timer: Timer | undefined
  #resolving = false
  /** The order-topic configuration that a name server sent back. */
  onOrderTopics: (table: KVTable) => void = () => {}

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

  /** Registers everywhere. Resolves after one attempt with each; those that fail are tried again every second. */
  async start(): Promise<void> {
    await this.#resolve()
    await Promise.all([...this.#known.values()].map(server => this.#register(server)))
    const beat = Math.min(this.#options.heartbeatIntervalMs, 1000)
    this.#timer = this.#world.clock.setInterval(() => void this.#tick(), beat)
  }

  /** Tells every name server of changed topics; resolves when each has answered or failed (then it gets all later). */
  async topicsChanged(topics: readonly string[]): Promise<void> {
    await Promise.all([...this.#known.values()].map(server => this.#register(server, topics)))
  }

  /** Registers everything everywhere now: after a change of role or permission. */
  async registerAll(): Promise<void> {
    await Promise.all([...this.#known.values()].map(server => this.#register(server)))
  }

  /** Tells the name servers that this broker leaves; clients stop choosing it at their next route query. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    const { clusterName, brokerName, brokerId, brokerAddr } = this.#registration
    await Promise.allSettled(
      [...this.#known.values()]
        .filter(server => server.registeredAtMs !== undefined)
        .map(server =>
          this.#client.invoke(
            server.address,
            nameserverRequests.unregisterBroker,
            { clusterName, brokerName, brokerId, brokerAddr },
            { timeoutMs: 1000 },
          ),
        ),
    )
    this.#known.clear()
  }

  async #tick(): Promise<void> {
    await this.#resolve()
    const now = this.#world.clock.monotonicMs()
    const period = Math.min(60_000, Math.max(10_000, this.#options.registerPeriodMs))
    for (const server of this.#known.values()) {
      if (server.busy) continue
      if (server.registeredAtMs === undefined || now - server.registeredAtMs >= period) void this.#register(server)
      else void this.#beat(server)
    }
  }

  async #resolve(): Promise<void> {
    if (this.#resolving) return
    this.#resolving = true
    try {
      const found = new Set<string>()
      for (const configured of this.#options.namesrvAddr) {
        const { host, port } = parseAddress(configured)
        try {
          for (const ip of await this.#world.network.resolve(host))
            found.add(ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
        } catch (error) {
          // A resolver that is away for a moment must not make us forget name servers that still answer.
          this.#log.warn({ host, error }, 'cannot look up a name server')
          for (const address of this.#known.keys()) found.add(address)
        }
      }
      for (const address of this.#known.keys()) if (!found.has(address)) this.#known.delete(address)
      for (const address of found)
        if (!this.#known.has(address))
          this.#known.set(address, { address, registeredAtMs: undefined, busy: false, again: false, failing: false })
    } finally {
      this.#resolving = false
    }
  }

  async #register(server: NameServer, topics?: readonly string[]): Promise<void> {
    if (server.busy) {
      // Whatever is on its way may have been composed before this change; a full registration follows it.
      server.again = true
      return
    }
    server.busy = true
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
      if (answer.body) this.onOrderTopics(answer.body)
    } catch (error) {
      this.#failed(server, error)
    } finally {
      server.busy = false
    }
    if (server.again) {
      server.again = false
      await this.#register(server)
    }
  }

  async #beat(server: NameServer): Promise<void> {
    server.busy = true
    const { clusterName, brokerName, brokerId, brokerAddr, body } = this.#registration
    try {
      const answer = await this.#client.invoke(
        server.address,
        nameserverRequests.queryDataVersion,
        { clusterName, brokerName, brokerId, brokerAddr },
        { body: body([]).topicConfigSerializeWrapper.dataVersion, timeoutMs: this.#options.timeoutMs },
      )
      if (answer.changed) server.again = true
    } catch (error) {
      this.#failed(server, error)
    } finally {
      server.busy = false
    }
    if (server.again) {
      server.again = false
      await this.#register(server)
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
  }
}
