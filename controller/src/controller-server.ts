import type { ControllerConfig } from '@rocketcluster/config'
import { brokerRequests, controllerRequests, groupRecord, responseCodes } from '@rocketcluster/protocol'
import { RemotingClient, RemotingServer, type RequestRecord, type ServerConnection } from '@rocketcluster/remoting'
import type { Listener, World } from '@rocketcluster/world'
import { Configuration } from './configuration.ts'
import { Controller, type ControllerEvent } from './controller.ts'
import { controllerHandlers } from './handlers/index.ts'
import { ControllerMetrics } from './metrics.ts'
import type { RecordStore } from './record-store/record-store.ts'
import type { ControllerServices } from './services.ts'
import { type GroupRecord, isOurs, type MemberReport, masterOf } from './state/index.ts'

/** How long a broker's connection may take that is to be told of a new master (ControllerManager.java). */
const NOTIFY_TIMEOUT_MS = 3000

export interface ControllerServerOptions {
  readonly store: RecordStore
  readonly config: ControllerConfig
  readonly onEvent?: (event: ControllerEvent) => void
  readonly onConfigChange?: (config: ControllerConfig) => void
}

/** A controller behind one listening port. */
export class ControllerServer {
  readonly metrics: ControllerMetrics
  readonly controller: Controller<ServerConnection>
  readonly #world: World
  readonly #server: RemotingServer<typeof controllerRequests, ControllerServices>
  readonly #client: RemotingClient
  readonly #configuration: Configuration
  #listener: Listener | undefined

  private constructor(world: World, { store, config, onEvent = () => {}, onConfigChange }: ControllerServerOptions) {
    this.#world = world
    this.#configuration = new Configuration(world.disk, config, onConfigChange)
    // RocketMQ's brokers branch on the language of who asks.
    this.#client = new RemotingClient(world, { language: 'JAVA' })
    this.controller = new Controller<ServerConnection>(world, {
      store,
      settings: () => this.#configuration.current,
      tell: (member, connection, record) => this.#tell(member, connection, record),
      onEvent: event => {
        this.metrics.event(event)
        onEvent(event)
      },
      onSilent: connection => connection.destroy(),
    })
    const { controller } = this
    this.metrics = new ControllerMetrics(
      {
        counts: () => controller.live.counts(),
        *records() {
          for (const [brokerName, condition] of controller.conditions())
            yield { brokerName, condition, record: controller.known(brokerName).record }
        },
      },
      {
        address: config.advertisedAddress,
        group: config.controllerDLegerGroup,
        peer_id: config.controllerDLegerSelfId,
      },
    )
    this.#server = new RemotingServer(world, {
      host: config.bindAddress,
      port: config.listenPort,
      requests: controllerRequests,
      handlers: controllerHandlers,
      services: {
        controller,
        configuration: this.#configuration,
        log: world.log,
        random: world.random,
        addressFor: connection => this.#configuration.current.advertisedAddress || connection.localAddress,
      },
      idleTimeoutMs: config.serverChannelMaxIdleTimeSeconds * 1000,
      onClose: connection => controller.connectionClosed(connection),
      onRequest: record => this.#observe(record),
    })
  }

  /** Throws NetworkError when the address cannot be listened on. */
  static async start(world: World, options: ControllerServerOptions): Promise<ControllerServer> {
    const server = new ControllerServer(world, options)
    server.#listener = await server.#server.start()
    server.controller.start()
    return server
  }

  /** The port it really listens on, also when 0 was asked for. */
  get port(): number {
    return this.#listener!.port
  }

  get host(): string {
    return this.#listener!.host
  }

  /** Closes all connections; brokers go on with the other controllers, and with the master they have. */
  async stop(): Promise<void> {
    this.controller.stop()
    const closed = this.#server.close({ graceMs: 0 })
    for (const connection of [...this.#server.connections]) connection.whenIdle(() => connection.end())
    await closed
    await this.#client.close()
  }

  /** NOTIFY_BROKER_ROLE_CHANGED. Lost ones do no harm: our brokers learn it with their next beat, Apache's ask every 5 s. */
  #tell(member: MemberReport, connection: ServerConnection, record: GroupRecord): void {
    const master = masterOf(record)
    const header = {
      ...(master && { masterAddress: master.address, masterBrokerId: master.brokerId }),
      masterEpoch: record.masterEpoch,
      syncStateSetEpoch: record.syncStateSetEpoch,
    }
    const body = { syncStateSet: [...record.syncStateSet], syncStateSetEpoch: record.syncStateSetEpoch }
    const failed = (error: unknown) =>
      this.#world.log.warn({ address: member.address, error: String(error) }, 'a member could not be told')
    if (isOurs(member)) {
      // Over the connection it beats on: a controller need not be able to reach its brokers.
      const text = groupRecord.encode(record).toString('utf8')
      try {
        connection.notify(brokerRequests.notifyBrokerRoleChanged, { ...header, record: text }, { body })
      } catch (error) {
        failed(error)
      }
      return
    }
    if (!master || !this.#configuration.current.notifyBrokerRoleChanged) return
    this.#client
      .invokeOneWay(member.address, brokerRequests.notifyBrokerRoleChanged, header, {
        body,
        timeoutMs: NOTIFY_TIMEOUT_MS,
      })
      .catch(failed)
  }

  #observe({ code, status, latencyMs, oneWay }: RequestRecord): void {
    const failed = !oneWay && status === responseCodes.SYSTEM_ERROR.code
    this.metrics.request(requestTypes.get(code) ?? 'unknown', failed ? 'failed' : 'success', latencyMs)
  }
}

/** ControllerMetricsConstant.RequestType: RequestCode.java's names, all beginning with CONTROLLER_. */
const requestTypes = new Map(
  Object.entries(controllerRequests).map(([name, { code }]) => {
    const constant = name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
    return [code, constant.startsWith('CONTROLLER_') ? constant : `CONTROLLER_${constant}`]
  }),
)
