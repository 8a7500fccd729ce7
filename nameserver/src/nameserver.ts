import type { NamesrvConfig } from '@rocketcluster/config'
import { brokerRequests, nameserverRequests, responseCodes } from '@rocketcluster/protocol'
import { RemotingClient, RemotingServer, type RequestRecord, type ServerConnection } from '@rocketcluster/remoting'
import type { Listener, Timer, TlsServerOptions, World } from '@rocketcluster/world'
import { Configuration } from './configuration.ts'
import { nameserverHandlers } from './handlers/index.ts'
import { KvConfig } from './kv-config.ts'
import { NameserverMetrics } from './metrics.ts'
import { Readiness } from './readiness.ts'
import { RouteRegistry } from './registry/registry.ts'
import type { MinBrokerIdChange, Removal } from './registry/types.ts'
import { RouteAnswers } from './route-answers.ts'
import type { NameserverServices } from './services.ts'

/** How long the name server waits for a broker's connection when it has news for it (RouteInfoManager.java). */
const NOTIFY_TIMEOUT_MS = 300

export interface NameserverOptions {
  readonly config: NamesrvConfig
  readonly tls?: TlsServerOptions
  /** Told when a request has changed the configuration. */
  readonly onConfigChange?: (config: NamesrvConfig) => void
}

/** A name server: the registry behind one listening port. It knows nothing of other name servers. */
export class Nameserver {
  readonly metrics: NameserverMetrics
  readonly #world: World
  readonly #routes: RouteRegistry
  readonly #configuration: Configuration
  readonly #server: RemotingServer<typeof nameserverRequests, NameserverServices>
  readonly #client: RemotingClient
  readonly #readiness: Readiness
  #listener: Listener | undefined
  #scan: Timer | undefined
  #stopping = false

  private constructor(world: World, { config, tls, onConfigChange }: NameserverOptions, kvConfig: KvConfig) {
    const { clock } = world
    const configuration = new Configuration(world.disk, config, onConfigChange)
    const routes = new RouteRegistry({
      get deleteTopicWithBrokerRegistration() {
        return configuration.current.deleteTopicWithBrokerRegistration
      },
      get supportActingMaster() {
        return configuration.current.supportActingMaster
      },
    })
    const metrics = new NameserverMetrics(routes, () => this.#server.connections.size)
    const services: NameserverServices = {
      clock,
      log: world.log,
      routes,
      routeAnswers: new RouteAnswers(routes, kvConfig, configuration),
      kvConfig,
      configuration,
      metrics,
      startedMs: clock.monotonicMs(),
      tellMinBrokerIdChange: change => this.#tellMinBrokerIdChange(change),
    }
    this.#world = world
    this.#routes = routes
    this.#configuration = configuration
    this.metrics = metrics
    this.#readiness = new Readiness(config.expectedBrokers, clock.monotonicMs())
    this.#client = new RemotingClient(world, { language: 'JAVA' })
    this.#server = new RemotingServer(world, {
      host: config.bindAddress,
      port: config.listenPort,
      tls,
      requests: nameserverRequests,
      handlers: nameserverHandlers,
      services,
      idleTimeoutMs: config.serverChannelMaxIdleTimeSeconds * 1000,
      limits: { highWaterBytes: config.writeBufferHighWaterMark },
      onClose: connection => this.#channelClosed(connection),
      onRequest: record => this.#observe(record),
    })
  }

  /**
   * Loads what is stored and listens. Throws KvConfigError or DiskError when the stored configuration cannot be read,
   * NetworkError when the address cannot be listened on.
   */
  static async start(world: World, options: NameserverOptions): Promise<Nameserver> {
    const kvConfig = await KvConfig.load(world.disk, options.config.kvConfigPath, world.log)
    const nameserver = new Nameserver(world, options, kvConfig)
    nameserver.#listener = await nameserver.#server.start()
    const { scanNotActiveBrokerInterval } = options.config
    nameserver.#scan = world.clock.setInterval(() => nameserver.#expire(), scanNotActiveBrokerInterval)
    return nameserver
  }

  /** The port it really listens on, also when 0 was asked for. */
  get port(): number {
    return this.#listener!.port
  }

  get host(): string {
    return this.#listener!.host
  }

  get configuration(): Configuration {
    return this.#configuration
  }

  /** The broker groups it still waits for before clients should come; none when it is ready. */
  waitingFor(): readonly string[] {
    const isRegistered = (brokerName: string) => this.#routes.hasGroup(brokerName)
    return this.#readiness.waitingFor(isRegistered, this.#world.clock.monotonicMs())
  }

  /**
   * Answers what has been asked and closes. A connection that is quiet is closed at once: its client asks another name
   * server, or the next one at this address, and has lost nothing.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#scan?.cancel()
    const { enableShutdownGracefully, shutdownWaitTimeSeconds } = this.#configuration.current
    const closed = this.#server.close({ graceMs: enableShutdownGracefully ? shutdownWaitTimeSeconds * 1000 : 0 })
    for (const connection of [...this.#server.connections]) connection.whenIdle(() => connection.end())
    await closed
    await this.#client.close()
  }

  #channelClosed(connection: ServerConnection): void {
    // It is we who leave, not the brokers.
    if (this.#stopping) return
    this.#removed(this.#routes.channelClosed(connection), 'channel_closed')
  }

  #expire(): void {
    const { removals, channels } = this.#routes.expire(this.#world.clock.monotonicMs())
    this.#removed(removals, 'expired')
    for (const channel of channels) (channel as ServerConnection).destroy()
  }

  #removed(removals: readonly Removal[], reason: 'channel_closed' | 'expired'): void {
    this.metrics.removal(reason, removals.length)
    for (const { minBrokerIdChange, ...removal } of removals) {
      const why = reason === 'expired' ? 'it was silent for too long' : 'its connection closed'
      this.#world.log.warn({ ...removal, reason }, `broker removed: ${why}`)
      this.#tellMinBrokerIdChange(minBrokerIdChange)
    }
  }

  #tellMinBrokerIdChange(change: MinBrokerIdChange | undefined): void {
    if (!change || !this.#configuration.current.notifyMinBrokerIdChanged) return
    const { notify, ...header } = change
    this.#world.log.info({ ...header, notify }, 'the smallest broker id changed')
    for (const address of notify)
      this.#client
        .invokeOneWay(address, brokerRequests.notifyMinBrokerIdChange, header, { timeoutMs: NOTIFY_TIMEOUT_MS })
        .catch(error => this.#world.log.warn({ address, error: String(error) }, 'a broker could not be told'))
  }

  #observe({ code, status, latencyMs, oneWay }: RequestRecord): void {
    const result = oneWay ? 'oneway' : status === responseCodes.SYSTEM_ERROR.code ? 'process_request_failed' : 'success'
    this.metrics.request(requestName(code), oneWay ? 'none' : responseName(status), result, latencyMs)
  }
}

const requestNames = new Map(Object.entries(nameserverRequests).map(([name, { code }]) => [code, snakeCase(name)]))
const responseNames = new Map<number, string>(
  Object.entries(responseCodes).map(([name, { code }]) => [code, name.toLowerCase()]),
)

/** Whoever asks for codes that do not exist must not make the number of series grow. */
function requestName(code: number): string {
  return requestNames.get(code) ?? 'unknown'
}

function responseName(code: number): string {
  return responseNames.get(code) ?? 'unknown'
}

/** RequestCode.java's name in lower case, of our name for it. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
