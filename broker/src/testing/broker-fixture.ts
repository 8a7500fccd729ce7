import { type BrokerOverrides, brokerConfig } from '@rocketcluster/config'
import {
  type BodyOf,
  brokerRequests,
  type HeaderOf,
  printProperties,
  type ReplyOf,
  type Requests,
  ResponseError,
} from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { type SimHost, Simulation } from '@rocketcluster/world/sim'
import { Broker } from '../broker.ts'

const MIB = 1024 ** 2
export const PORT = 10_911

export interface Fixture {
  readonly sim: Simulation
  readonly host: SimHost
  readonly broker: Broker
  readonly client: RemotingClient
  /** Asks the broker; refusals come as ResponseError. */
  ask<D extends Requests[string]>(
    request: D,
    header: Partial<HeaderOf<D>>,
    options?: { body?: BodyOf<D>; timeoutMs?: number; client?: RemotingClient; port?: number },
  ): Promise<ReplyOf<D>>
  /** Sends one message and resolves with the broker's answer. */
  send(
    topic: string,
    more?: Partial<HeaderOf<typeof brokerRequests.sendMessageV2>> & { body?: string; properties?: string },
  ): Promise<ReplyOf<typeof brokerRequests.sendMessageV2>>
  /** Another client machine, with a connection of its own. */
  anotherClient(name: string): RemotingClient
  /** Kills the broker (or cuts its power) and starts it again; the fixture's `broker` is the new one. */
  restart(how: 'kill' | 'power' | 'stop'): Promise<Fixture>
}

export const settings = (host: SimHost, overrides: BrokerOverrides = {}) =>
  brokerConfig.parse('', {
    brokerName: 'broker-a',
    brokerIP1: host.address,
    brokerIP2: host.address,
    listenPort: PORT,
    storePathRootDir: '/store',
    brokerConfigPath: '/broker.conf',
    mappedFileSizeCommitLog: 256 * 1024,
    maxMessageSize: 64 * 1024,
    mappedFileSizeConsumeQueue: 20 * 100,
    maxHashSlotNum: 100,
    maxIndexNum: 1000,
    storeHotTailBytes: 8 * MIB,
    ...overrides,
  }).config

/** A broker on a simulated machine, and a client of it on another. */
export async function startBroker(sim: Simulation, overrides: BrokerOverrides = {}): Promise<Fixture> {
  const host = sim.host('broker')
  const client = new RemotingClient(sim.host('client').world, {})
  return start(sim, host, client, overrides, host.world)
}

async function start(
  sim: Simulation,
  host: SimHost,
  client: RemotingClient,
  overrides: BrokerOverrides,
  world: SimHost['world'],
): Promise<Fixture> {
  const broker = await Broker.start(world, { config: settings(host, overrides), physicalMemoryBytes: 256 * MIB })
  const ask: Fixture['ask'] = (
    request,
    header,
    { body, timeoutMs = 10_000, client: other = client, port = PORT } = {},
  ) => other.invoke(`${host.address}:${port}`, request, header, { body, timeoutMs } as never)
  return {
    sim,
    host,
    broker,
    client,
    ask,
    send: (topic, { body = 'hello', properties = '', ...header } = {}) =>
      ask(
        brokerRequests.sendMessageV2,
        {
          producerGroup: 'PG',
          topic,
          defaultTopic: 'TBW102',
          defaultTopicQueueNums: 4,
          queueId: 0,
          sysFlag: 0,
          bornTimestamp: 1,
          flag: 0,
          properties,
          reconsumeTimes: 0,
          unitMode: false,
          batch: false,
          ...header,
        },
        { body: Buffer.from(body) },
      ),
    anotherClient: name => new RemotingClient(sim.host(name).world, {}),
    async restart(how) {
      if (how === 'stop') await broker.stop()
      if (how === 'power') host.powerCut()
      else host.crash()
      // After a power cut the client hears nothing: it shall not wait for its time-outs.
      sim.network.cut('client', 'broker')
      await sim.sleep(5)
      return start(sim, host, client, overrides, host.restart())
    },
  }
}

/** Runs a test in a simulation of its own: a broker, a client, virtual time. */
export function withBroker(run: (fixture: Fixture) => Promise<void>, overrides: BrokerOverrides = {}, seed = 1) {
  return async () => {
    const sim = new Simulation(seed)
    await sim.run(async () => run(await startBroker(sim, overrides)))
  }
}

export const propertiesOf = (pairs: Record<string, string>) => printProperties(pairs)

/** What the broker said no with. Rejects when it did not, or when something else went wrong. */
export async function refusal(asked: Promise<unknown>): Promise<{ status: string; remark: string }> {
  const error = await asked.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (error instanceof ResponseError) return { status: error.status, remark: error.message }
  throw error ?? new Error('it was not refused')
}
