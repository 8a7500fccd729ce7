import { describe, expect, test } from '@jest/globals'
import { namesrvConfig } from '@rocketcluster/config'
import { Nameserver } from '@rocketcluster/nameserver'
import { brokerRequests, nameserverRequests } from '@rocketcluster/protocol'
import { Simulation } from '@rocketcluster/world/sim'
import { type Fixture, startBroker } from './testing/broker-fixture.ts'

const LIST = 'ns-1:9876;ns-2:9876'

async function startNameServer(sim: Simulation, name: string): Promise<Nameserver> {
  const { config } = namesrvConfig.parse('', {
    kvConfigPath: '/namesrv/kvConfig.json',
    configStorePath: '/namesrv/namesrv.properties',
  })
  const host = sim.host(name)
  return Nameserver.start(host.isRunning ? host.world : host.restart(), { config })
}

function inCluster(run: (fixture: Fixture, sim: Simulation) => Promise<void>, overrides: object = {}) {
  return async () => {
    const sim = new Simulation(11)
    await sim.run(async () => {
      for (const name of ['ns-1', 'ns-2']) await startNameServer(sim, name)
      await run(await startBroker(sim, { namesrvAddr: LIST, ...overrides }), sim)
    })
  }
}

async function route(fixture: Fixture, nameServer: string, topic: string) {
  const { address } = fixture.sim.host(nameServer)
  const reply = await fixture.client
    .invoke(`${address}:9876`, nameserverRequests.getRouteinfoByTopic, { topic }, { timeoutMs: 2000 })
    .catch(() => undefined)
  const queue = reply?.body?.queueDatas[0]
  return queue && { brokers: reply.body!.brokerDatas.map(({ brokerName }) => brokerName), ...queue }
}

const create = (fixture: Fixture, topic: string) =>
  fixture.ask(brokerRequests.updateAndCreateTopic, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: 2,
    writeQueueNums: 2,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
  })

describe('registration', () => {
  test(
    'every name server knows the broker when it has started, and a topic when its creation is answered',
    inCluster(async fixture => {
      expect(fixture.broker.ready).toBe(true)
      await create(fixture, 'T')
      for (const name of ['ns-1', 'ns-2'])
        expect(await route(fixture, name, 'T')).toMatchObject({ brokers: ['broker-a'], writeQueueNums: 2, perm: 6 })
    }),
  )

  test(
    'one that was away is told everything within two seconds of its return',
    inCluster(async (fixture, sim) => {
      sim.host('ns-2').crash()
      await create(fixture, 'T')
      await sim.sleep(5000)
      expect(fixture.broker.ready).toBe(false)
      await startNameServer(sim, 'ns-2')
      await sim.sleep(2000)
      expect(fixture.broker.ready).toBe(true)
      expect(await route(fixture, 'ns-2', 'T')).toMatchObject({ brokers: ['broker-a'] })
    }),
  )

  test(
    'a silent one makes no administrator wait for its time-outs',
    inCluster(async (fixture, sim) => {
      sim.network.partition('ns-2', 'broker')
      const startMs = sim.nowMs
      await create(fixture, 'T')
      expect(sim.nowMs - startMs).toBeLessThan(3500)
      expect(await route(fixture, 'ns-1', 'T')).toMatchObject({ brokers: ['broker-a'] })
      sim.network.heal()
      await sim.sleep(30_000)
      expect(await route(fixture, 'ns-2', 'T')).toMatchObject({ brokers: ['broker-a'] })
    }),
  )

  test(
    'a connection that falls silent is noticed before the name server forgets the broker',
    inCluster(async (fixture, sim) => {
      await create(fixture, 'T')
      await sim.sleep(1500)
      sim.network.silence('ns-1', 'broker')
      for (let second = 0; second < 20; second++) {
        await sim.sleep(1000)
        expect(await route(fixture, 'ns-1', 'T')).toMatchObject({ brokers: ['broker-a'] })
      }
      expect(fixture.broker.ready).toBe(true)
    }),
  )

  test(
    'compressed as well',
    inCluster(
      async fixture => {
        await create(fixture, 'T')
        expect(await route(fixture, 'ns-1', 'T')).toMatchObject({ brokers: ['broker-a'] })
      },
      { compressedRegister: true },
    ),
  )

  test(
    'two names of one address are one name server; a name that cannot be looked up keeps its addresses',
    inCluster(
      async (fixture, sim) => {
        const { nameServers } = fixture.broker.services
        const { address } = sim.host('ns-1')
        expect(nameServers.addresses).toEqual([`${address}:9876`])
        await sim.sleep(5000)
        expect(nameServers.addresses).toEqual([`${address}:9876`])
        expect(fixture.broker.ready).toBe(true)
      },
      { namesrvAddr: 'ns-1:9876;10.0.0.1:9876;nowhere:9876' },
    ),
  )

  test(
    'a new permission of the broker reaches the routes',
    inCluster(async fixture => {
      await create(fixture, 'T')
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'brokerPermission=4\n' })
      expect(await route(fixture, 'ns-1', 'T')).toMatchObject({ perm: 4 })
    }),
  )

  test(
    "topics that a name server's ORDER_TOPIC_CONFIG names are ordered from then on",
    inCluster(async (fixture, sim) => {
      await create(fixture, 'T')
      await create(fixture, 'Plain')
      const header = { namespace: 'ORDER_TOPIC_CONFIG', key: 'T', value: 'broker-a:2' }
      const { address } = sim.host('ns-1')
      await fixture.client.invoke(`${address}:9876`, nameserverRequests.putKvConfig, header)
      await sim.sleep(31_000)
      const { topics } = fixture.broker.services
      expect([topics.get('T')!.order, topics.get('Plain')!.order]).toEqual([true, false])
    }),
  )
})

describe('leaving', () => {
  test('no route names a broker that has stopped, whatever was on its way', async () => {
    for (let seed = 0; seed < 15; seed++) {
      const sim = new Simulation(seed)
      await sim.run(async () => {
        for (const name of ['ns-1', 'ns-2']) await startNameServer(sim, name)
        const fixture = await startBroker(sim, { namesrvAddr: LIST })
        await create(fixture, 'T')
        await sim.sleep(sim.random.between(0, 2000))
        // A topic that is registered while the goodbye is said.
        const late = fixture.send('Late').catch(() => undefined)
        await sim.sleep(sim.random.between(0, 3))
        // The connection stays open: only the goodbye itself counts here.
        await fixture.broker.services.nameServers.stop()
        await late
        await sim.sleep(3000)
        for (const name of ['ns-1', 'ns-2']) expect(await route(fixture, name, 'T')).toBeUndefined()
      })
    }
  })
})
