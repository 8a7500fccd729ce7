import { describe, expect, test } from '@jest/globals'
import { brokerRequests as ask, MQVersion } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { everySeed, Simulation } from '@rocketcluster/world/sim'
import { Broker } from './broker.ts'
import { settings, startBroker, withBroker } from './testing/broker-fixture.ts'

describe('stop', () => {
  test('every send is acknowledged and kept, or not acknowledged; the store is closed cleanly', () =>
    everySeed(
      25,
      async (_world, sim) => {
        const fixture = await startBroker(sim, { flushDiskType: sim.random.chance(0.5) ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' })
        await fixture.send('T')
        const acked = new Set<number>()
        let answered = 0
        let stopping = false
        const producers = Array.from({ length: 8 }, async () => {
          while (!stopping || answered < 20) {
            const sent = await fixture.send('T').catch(() => undefined)
            answered++
            if (sent) acked.add(sent.queueOffset)
            else return
          }
        })
        await sim.sleep(sim.random.between(0, 20))
        stopping = true
        await fixture.broker.stop()
        await Promise.all(producers)
        const again = await fixture.restart('power')
        expect(again.broker.services.store.maxOffset('T', 0)).toBeGreaterThan(Math.max(0, ...acked))
        await again.broker.stop()
      },
      { file: import.meta.filename },
    ))

  test(
    'sends that wait for a slow disk are answered before their connection closes',
    withBroker(
      async fixture => {
        await fixture.send('T')
        const sends = Promise.all(Array.from({ length: 20 }, () => fixture.send('T')))
        // They have arrived, and none is on disk yet.
        while (fixture.broker.services.sends.outstanding === 0) await fixture.sim.sleep(0.05)
        const [answers] = await Promise.all([sends, fixture.broker.stop()])
        expect(answers.every(({ status }) => status === 'SUCCESS')).toBe(true)
      },
      { flushDiskType: 'SYNC_FLUSH' },
      3,
    ),
  )

  test(
    'new requests are sent away, or find the door closed; stopping twice is harmless',
    withBroker(
      async fixture => {
        await fixture.send('T')
        const old = new RemotingClient(fixture.sim.host('old').world, { version: MQVersion.V4_9_4 })
        await fixture.ask(ask.getMaxOffset, { topic: 'T', queueId: 0 }, { client: old })
        const first = fixture.broker.stop()
        expect(fixture.broker.stop()).toBe(first)
        expect(fixture.broker.ready).toBe(false)
        await first
        await expect(fixture.send('T')).rejects.toMatchObject({ name: 'TransportError' })
        await expect(fixture.ask(ask.getMaxOffset, { topic: 'T', queueId: 0 }, { client: old })).rejects.toMatchObject({
          name: 'TransportError',
        })
      },
      { enableShutdownGracefully: true, shutdownWaitTimeSeconds: 2 },
    ),
  )

  test(
    'offsets that were committed a moment ago are there after the next start',
    withBroker(async fixture => {
      await fixture.send('T')
      await fixture.broker.services.groups.find('CG')
      await fixture.ask(ask.updateConsumerOffset, { consumerGroup: 'CG', topic: 'T', queueId: 0, commitOffset: 1 })
      const again = await fixture.restart('stop')
      expect(again.broker.services.offsets.query('CG', 'T', 0)).toBe(1)
    }),
  )
})

describe('start', () => {
  test('leaves nothing open when a port is taken: the next start succeeds', async () => {
    const sim = new Simulation(1)
    await sim.run(async () => {
      const host = sim.host('broker')
      const options = { config: settings(host), physicalMemoryBytes: 2 ** 28 }
      for (const port of [10_909, 10_911]) {
        const taken = await host.world.network.listen({ host: '0.0.0.0', port, onConnection: () => {} })
        await expect(Broker.start(host.world, options)).rejects.toThrow(/EADDRINUSE/)
        await taken.close()
      }
      const broker = await Broker.start(host.world, options)
      await expect(Broker.start(host.world, options)).rejects.toThrow(/in use by another broker process/)
      await broker.stop()
    })
  })

  test('serves although no name server is there, and does not wait for a silent one', async () => {
    const sim = new Simulation(2)
    await sim.run(async () => {
      sim.host('silent')
      sim.host('broker')
      sim.network.partition('silent', 'broker')
      const startedMs = sim.nowMs
      const fixture = await startBroker(sim, { namesrvAddr: 'nowhere:9876;silent:9876;client:9876' })
      expect(sim.nowMs - startedMs).toBeLessThan(4000)
      expect(fixture.broker.ready).toBe(false)
      expect(await fixture.send('T')).toMatchObject({ status: 'SUCCESS' })
      const stopMs = sim.nowMs
      await fixture.broker.stop()
      expect(sim.nowMs - stopMs).toBeLessThan(4000)
    })
  })
})

test(
  'a client of the fast port is not confused with one of the main port that has the same number',
  withBroker(async fixture => {
    const beat = (clientID: string, options: object) =>
      fixture.ask(
        ask.heartBeat,
        {},
        {
          body: {
            clientID,
            producerDataSet: [{ groupName: 'PG' }],
            consumerDataSet: [],
            heartbeatFingerprint: 0,
            withoutSub: false,
          } as never,
          ...options,
        },
      )
    await beat('main@1', {})
    const fast = fixture.anotherClient('fast')
    await beat('fast@1', { client: fast, port: 10_909 })
    const producers = () => fixture.broker.services.clients.producers('PG').map(({ clientId }) => clientId)
    expect(producers().sort()).toEqual(['fast@1', 'main@1'])
    await fast.close()
    await fixture.sim.sleep(50)
    expect(producers()).toEqual(['main@1'])
  }),
)
