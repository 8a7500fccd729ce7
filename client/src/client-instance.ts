import {
  type ConsumerData,
  type HeartbeatData,
  heartBeat,
  type MessageQueue,
  notifyConsumerIdsChanged,
  type ProducerData,
  resetConsumerClientOffset,
  unregisterClient,
} from '@rocketcluster/protocol'
import { RemotingClient, type RemotingClientOptions, type RemotingHooks } from '@rocketcluster/remoting'
import type { Log, Timer, TlsClientOptions, World } from '@rocketcluster/world'
import { ClientError } from './client-error.ts'
import { RouteTable } from './route-table.ts'

export interface ClientOptions {
  /** `host:port` of each name server; in one text with semicolons or as a list. */
  readonly nameServers: string | readonly string[]
  /** The part of the client id in front of the `@`; brokers only compare it. */
  readonly clientIp?: string
  /** The part behind the `@`: equal names make two clients of one machine the same member of a group. Unique by itself. */
  readonly instanceName?: string
  /** For requests to name servers and for administration; 3 s (mqClientApiTimeout). */
  readonly timeoutMs?: number
  /** pollNameServerInterval, ClientConfig.java */
  readonly routeRefreshMs?: number
  /** heartbeatBrokerInterval, ClientConfig.java */
  readonly heartbeatMs?: number
  readonly tls?: TlsClientOptions
  readonly serializeType?: RemotingClientOptions['serializeType']
  readonly hooks?: RemotingHooks
  readonly log?: Log
}

/** What a running producer or consumer tells brokers about itself. */
export interface Member {
  readonly producer?: ProducerData
  readonly consumer?: ConsumerData
}

/** What brokers tell clients unasked. */
export interface Notifications {
  idsChanged(consumerGroup: string): void
  reset(consumerGroup: string, offsets: ReadonlyMap<MessageQueue, number>): void
}

/**
 * What producers, consumers and administration have in common: connections, routes, heartbeats (MQClientInstance.java). Several
 * of them may share one.
 */
export class ClientInstance {
  readonly world: World
  readonly log: Log
  readonly clientId: string
  readonly clientIp: string
  readonly remoting: RemotingClient
  readonly routes: RouteTable
  readonly timeoutMs: number
  readonly #heartbeatMs: number
  readonly #members = new Map<object, () => Member>()
  /** Heartbeats on their way or done, by broker address, since the members last changed or a round began. */
  readonly #greetings = new Map<string, Promise<void>>()
  readonly #notified = new Map<object, Notifications>()
  #timer: Timer | undefined
  #closed = false

  constructor(world: World, options: ClientOptions) {
    this.world = world
    this.log = options.log ?? world.log
    this.timeoutMs = options.timeoutMs ?? 3000
    this.#heartbeatMs = options.heartbeatMs ?? 30_000
    this.clientIp = options.clientIp ?? '127.0.0.1'
    const instance = options.instanceName ?? `${world.random.int(2 ** 31)}#${world.clock.now()}`
    this.clientId = `${this.clientIp}@${instance}`
    this.remoting = new RemotingClient(world, {
      tls: options.tls,
      serializeType: options.serializeType,
      hooks: options.hooks,
      log: this.log,
    })
    this.routes = new RouteTable({
      clock: world.clock,
      log: this.log,
      remoting: this.remoting,
      nameServers: nameServerList(options.nameServers),
      timeoutMs: this.timeoutMs,
      refreshMs: options.routeRefreshMs ?? 30_000,
    })
    // A broker forgets a client with its connection, and a new route may show new brokers.
    this.remoting.onClose(address => this.#greetings.delete(address))
    this.routes.onChange(() => void this.heartbeat())
    this.remoting.handle(notifyConsumerIdsChanged, ({ consumerGroup }) => {
      for (const listener of this.#notified.values()) listener.idsChanged(consumerGroup)
    })
    this.remoting.handle(resetConsumerClientOffset, ({ group }, { body }) => {
      for (const listener of this.#notified.values()) listener.reset(group, body.offsetTable)
    })
  }

  /** Who a heartbeat speaks of. Starts the timers with the first one. */
  join(key: object, member: () => Member): void {
    if (this.#closed) throw new ClientError('NOT_RUNNING', 'this client is closed')
    this.#members.set(key, member)
    this.#greetings.clear()
    this.routes.start()
    this.#timer ??= this.world.clock.setInterval(() => {
      this.#greetings.clear()
      void this.heartbeat()
    }, this.#heartbeatMs)
  }

  onNotification(key: object, listener: Notifications): void {
    this.#notified.set(key, listener)
  }

  offNotification(key: object): void {
    this.#notified.delete(key)
  }

  /** Leaves all brokers, now rather than by silence. */
  async leave(key: object): Promise<void> {
    const member = this.#members.get(key)?.()
    if (!member) return
    this.#members.delete(key)
    const header = {
      clientID: this.clientId,
      producerGroup: member.producer?.groupName,
      consumerGroup: member.consumer?.groupName,
    }
    const addresses = this.routes.brokerAddresses().filter(({ address }) => this.remoting.connection(address))
    await Promise.allSettled(
      addresses.map(({ address }) =>
        this.remoting.invoke(address, unregisterClient, header, { timeoutMs: this.timeoutMs }),
      ),
    )
  }

  /** Sends a heartbeat to every broker that has not had one of late; slaves hear of consumers only. Never rejects. */
  async heartbeat(): Promise<void> {
    const members = [...this.#members.values()].map(member => member())
    const producerDataSet = members.flatMap(({ producer }) => producer ?? [])
    const consumerDataSet = members.flatMap(({ consumer }) => consumer ?? [])
    if (members.length === 0) return
    const body: HeartbeatData = {
      clientID: this.clientId,
      producerDataSet,
      consumerDataSet,
      heartbeatFingerprint: 0,
      withoutSub: false,
    }
    const concerned = this.routes
      .brokerAddresses()
      .filter(({ brokerId }) => brokerId === 0 || consumerDataSet.length > 0)
    await Promise.all(
      concerned.map(({ address, brokerName }) => {
        // Whoever waits for a heartbeat also waits for one that is on its way.
        let greeting = this.#greetings.get(address)
        if (!greeting) {
          greeting = this.#greet(address, brokerName, body)
          this.#greetings.set(address, greeting)
        }
        return greeting
      }),
    )
  }

  async #greet(address: string, brokerName: string, body: HeartbeatData): Promise<void> {
    try {
      await this.remoting.invoke(address, heartBeat, {}, { body, timeoutMs: this.timeoutMs })
    } catch (error) {
      this.#greetings.delete(address)
      this.log.warn({ brokerName, address, error: (error as Error).message }, 'heartbeat failed')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.routes.stop()
    await this.remoting.close()
  }
}

/** Splits RocketMQ's `host:port;host:port`. */
export function nameServerList(nameServers: string | readonly string[]): string[] {
  return (typeof nameServers === 'string' ? nameServers.split(/[;,]/) : [...nameServers])
    .map(name => name.trim())
    .filter(name => name !== '')
}
