import { describe, expect, test } from '@jest/globals'
import { namesrvConfig } from '@rocketcluster/config'
import { Nameserver } from '@rocketcluster/nameserver'
import { brokerRequests } from '@rocketcluster/protocol'
import { type SimHost, Simulation } from '@rocketcluster/world/sim'
import { Broker } from '../broker.ts'
import { readQueue } from '../messaging/read-queue.ts'
import { ResyncingBroker } from '../resyncing-broker.ts'
import { LogFiles } from '../store/log-files.ts'
import { type Fixture, PORT, propertiesOf, settings, startBroker } from '../testing/broker-fixture.ts'

const MIB = 1024 ** 2

async function startNameServer(sim: Simulation): Promise<void> {
  const { config } = namesrvConfig.parse('', {
    kvConfigPath: '/namesrv/kvConfig.json',
    configStorePath: '/namesrv/namesrv.properties',
  })
  await Nameserver.start(sim.host('ns').world, { config })
}

const slaveOf = (host: SimHost, more: object = {}) =>
  ResyncingBroker.start(host.isRunning ? host.world : host.restart(), {
    config: settings(host, { namesrvAddr: 'ns:9876', brokerRole: 'SLAVE', brokerId: 1, ...more }),
    physicalMemoryBytes: 256 * MIB,
  })

async function until(sim: Simulation, done: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 600 && !done(); i++) await sim.sleep(100)
  if (!done()) throw new Error(`${what} has not come in a minute`)
}

const endOf = (broker: Fixture['broker']) => broker.services.store.committedOffset

function inGroup(run: (fixture: Fixture, sim: Simulation) => Promise<void>, overrides: object = {}) {
  return async () => {
    const sim = new Simulation(21)
    await sim.run(async () => {
      await startNameServer(sim)
      await run(await startBroker(sim, { namesrvAddr: 'ns:9876', ...overrides }), sim)
    })
  }
}

describe('a master and its slave', () => {
  test(
    'the slave finds its master by the name server, gets everything, and serves readers',
    inGroup(async (fixture, sim) => {
      for (let i = 0; i < 300; i++) await fixture.send('T', { body: `m${i}`.padEnd(2000, '.') })
      const slave = await slaveOf(sim.host('slave'))
      await until(sim, () => endOf(slave.current) === endOf(fixture.broker), 'the log')
      await sim.sleep(2000)
      await fixture.send('T', { body: 'last' })
      await sim.sleep(200)
      expect(endOf(slave.current)).toBe(endOf(fixture.broker))
      const { body: status } = await fixture.ask(brokerRequests.getBrokerHaStatus, {})
      expect(status).toMatchObject({ master: true, inSyncSlaveNums: 1, haConnectionInfo: [{ diff: 0, inSync: true }] })
      const { address } = sim.host('slave')
      const pulled = await fixture.client.invoke(
        `${address}:${PORT}`,
        brokerRequests.pullMessage,
        {
          consumerGroup: 'G',
          topic: 'T',
          queueId: 0,
          queueOffset: 300,
          maxMsgNums: 1,
          sysFlag: 4,
          commitOffset: 0,
          suspendTimeoutMillis: 0,
          subscription: '*',
          subVersion: 0,
          expressionType: 'TAG',
        },
        { timeoutMs: 5000 },
      )
      expect(pulled).toMatchObject({ status: 'SUCCESS', nextBeginOffset: 301 })
      await slave.stop()
      await fixture.broker.stop()
    }),
  )

  test(
    'a slave whose master has cleaned away what comes next empties its store and begins anew',
    inGroup(async (fixture, sim) => {
      const host = sim.host('slave')
      for (let i = 0; i < 100; i++) await fixture.send('T', { body: `a${i}`.padEnd(3000, '.') })
      let slave = await slaveOf(host)
      await until(sim, () => endOf(slave.current) === endOf(fixture.broker), 'the log')
      await slave.stop()
      host.crash()
      for (let i = 0; i < 400; i++) await fixture.send('T', { body: `b${i}`.padEnd(3000, '.') })
      const { store } = fixture.broker.services
      await store.flush()
      fixture.host.jumpClock(100 * 3_600_000)
      while ((await store.deleteExpiredFiles()) > 0) await sim.sleep(1000)
      const kept = store.minPhysicalOffset
      expect(kept).toBeGreaterThan(512 * 1024)
      slave = await slaveOf(host)
      await until(sim, () => endOf(slave.current) === endOf(fixture.broker), 'the log')
      const has = slave.current.services.store
      expect(has.minPhysicalOffset).toBe(kept)
      await sim.sleep(1000)
      expect(has.minOffset('T', 0)).toBe(store.minOffset('T', 0))
      expect(has.maxOffset('T', 0)).toBe(500)
      expect(slave.ready).toBe(true)
      const files = new LogFiles(host.world.disk, '/store/commitlog', 256 * 1024, 4)
      await files.load()
      expect(files.minOffset).toBe(kept)
      await files.close()
      await slave.stop()
      await fixture.broker.stop()
    }),
  )

  test(
    'a slave that is made master by hand delivers what waits, and goes on where the queues end',
    inGroup(async (fixture, sim) => {
      const host = sim.host('slave')
      const slave = await slaveOf(host)
      const later = (body: string, pairs: Record<string, string>) =>
        fixture.send('T', { body, properties: propertiesOf({ UNIQ_KEY: body, ...pairs }) })
      await fixture.send('T', { body: 'now' })
      await later('level, before', { DELAY: '1' })
      await later('level, after', { DELAY: '5' })
      await later('timer, before', { TIMER_DELAY_SEC: '3' })
      await later('timer, after', { TIMER_DELAY_SEC: '90' })
      await sim.sleep(20_000)
      const queued = () => fixture.broker.services.store.maxOffset('T', 0)
      expect(queued()).toBe(3)
      await until(sim, () => endOf(slave.current) === endOf(fixture.broker), 'the log')
      fixture.host.crash()
      await slave.stop()
      const config = settings(host, { namesrvAddr: 'ns:9876' })
      const master = await Broker.start(host.world, { config, physicalMemoryBytes: 256 * MIB })
      const { store } = master.services
      expect(store.maxOffset('T', 0)).toBe(3)
      await sim.sleep(120_000)
      const bodies: string[] = []
      for (let at = 0; at < store.maxOffset('T', 0); ) {
        const { messages, nextOffset } = await readQueue(store, 'T', 0, at, 32)
        bodies.push(...messages.map(({ storedBody }) => storedBody.toString()))
        at = nextOffset
      }
      expect(bodies.sort()).toEqual(['level, after', 'level, before', 'now', 'timer, after', 'timer, before'])
      await master.stop()
    }),
  )

  test(
    'too few in sync: sends are refused with the numbers, and taken again when a slave is there',
    inGroup(
      async (fixture, sim) => {
        await expect(fixture.send('T')).rejects.toThrow(/in-sync replicas not enough: 1 of the 2/)
        const slave = await slaveOf(sim.host('slave'))
        await until(sim, () => fixture.broker.services.store.writable.ok, 'the slave')
        expect(await fixture.send('T')).toMatchObject({ status: 'SUCCESS' })
        await slave.stop()
        await sim.sleep(200)
        await expect(fixture.send('T')).rejects.toThrow(/in-sync replicas not enough/)
        await fixture.broker.stop()
      },
      { brokerRole: 'SYNC_MASTER', totalReplicas: 2, inSyncReplicas: 2, minInSyncReplicas: 2 },
    ),
  )

  test(
    'a stranger on the replication port is shown the door, and nothing happens',
    inGroup(async (fixture, sim) => {
      const closed = new Promise<void>(resolve => {
        sim
          .host('stranger')
          .world.network.connect({ host: fixture.host.address, port: PORT + 1, timeoutMs: 1000 })
          .then(connection => {
            connection.onData = () => {}
            connection.onClose = () => resolve()
            connection.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')])
          })
      })
      await closed
      expect(await fixture.send('T')).toMatchObject({ status: 'SUCCESS' })
      await fixture.broker.stop()
    }),
  )
})
