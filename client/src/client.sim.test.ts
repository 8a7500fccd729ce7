import { expect, test } from '@jest/globals'
import { everySeed } from '@rocketcluster/world/sim'
import { Producer } from './producer.ts'
import { PullConsumer } from './pull-consumer.ts'
import { FakeCluster } from './testing/fake-cluster.ts'

test('what was acknowledged is consumed, in order of each queue, while members come and go and the network fails', () =>
  everySeed(
    20,
    async (world, sim) => {
      const servers = sim.host('servers')
      const cluster = new FakeCluster(servers.world, 2, servers.address)
      await cluster.start()
      cluster.create('T', 3)
      const options = { nameServers: cluster.nameServers }
      const producer = new Producer(world, options)
      await producer.start()
      const start = async () => {
        const consumer = new PullConsumer(world, {
          ...options,
          consumerGroup: 'CG',
          subscriptions: { T: '*' },
          consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
          rebalanceIntervalMs: 1000,
        })
        await consumer.start()
        void read(consumer)
        return consumer
      }
      const seen = new Set<string>()
      /** Behind the last message of each queue that any member has had. */
      const behind = new Map<string, number>()
      const failures: unknown[] = []
      const read = (consumer: PullConsumer) => readAll(consumer).catch(error => failures.push(error))
      const readAll = async (consumer: PullConsumer) => {
        for await (const message of consumer) {
          const { brokerName, queueId } = message.messageQueue
          const key = `${brokerName} ${queueId}`
          // A message may come again to another member, but none comes before the one in front of it.
          const next = behind.get(key) ?? 0
          expect(message.queueOffset).toBeLessThanOrEqual(next)
          behind.set(key, Math.max(next, message.queueOffset + 1))
          seen.add(message.body.toString())
          await world.clock.sleep(world.random.int(5))
        }
      }
      const first = await start()
      const acked: string[] = []
      let second: PullConsumer | undefined
      for (let i = 0; i < 60; i++) {
        const body = `m${i}`
        await producer.send({ topic: 'T', body }).then(
          () => acked.push(body),
          error => expect(error.name).toMatch(/^(TransportError|ClientError)$/),
        )
        const chance = world.random.int(15)
        if (chance === 0) sim.network.cut('host', 'servers')
        if (chance === 1) sim.network.partition('host', 'servers')
        if (chance >= 2 && chance < 5) sim.network.heal()
        if (i === 20) second = await start()
        if (i === 45) await second!.stop()
        await world.clock.sleep(world.random.int(100))
      }
      sim.network.heal()
      for (let waitedMs = 0; waitedMs < 200_000 && !acked.every(body => seen.has(body)); waitedMs += 1000)
        await world.clock.sleep(1000)
      expect(failures).toEqual([])
      expect(acked.filter(body => !seen.has(body))).toEqual([])
      expect(acked.length).toBeGreaterThan(5)
      await Promise.all([first.stop(), producer.stop()])
      await cluster.stop()
    },
    { file: import.meta.filename },
  ))
