import { expect, test } from '@jest/globals'
import { brokerRequests as ask, decodeRecords } from '@rocketcluster/protocol'
import { everySeed } from '@rocketcluster/world/sim'
import { startBroker, withBroker } from '../testing/broker-fixture.ts'

test('a topic that is deleted under load and comes into being again begins at 0 and loses nothing of its own', () =>
  everySeed(
    10,
    async (_world, sim) => {
      const fixture = await startBroker(sim, { flushDiskType: sim.random.chance(0.5) ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' })
      let acked: { body: string; queueOffset: number }[] = []
      let stop = false
      const producers = Array.from({ length: 6 }, async (_, i) => {
        for (let n = 0; !stop; n++) {
          const body = `${i}-${n}`
          const { queueOffset } = await fixture.send('T', { body })
          acked.push({ body, queueOffset })
        }
      })
      for (let round = 0; round < 4; round++) {
        await sim.sleep(sim.random.between(5, 60))
        await fixture.ask(ask.deleteTopicInBroker, { topic: 'T' })
        // What is acknowledged from a moment later on was sent to the new one.
        await sim.sleep(5)
        acked = []
      }
      await sim.sleep(100)
      stop = true
      await Promise.all(producers)
      const { store } = (await fixture.restart('kill')).broker.services
      expect(store.minOffset('T', 0)).toBe(0)
      const held: string[] = []
      while (held.length < store.maxOffset('T', 0)) {
        const found = await store.getMessage({ topic: 'T', queueId: 0, queueOffset: held.length, maxCount: 1000 })
        held.push(...decodeRecords(Buffer.concat(found.records)).map(({ body }) => body.toString()))
        found.release()
      }
      for (const { body, queueOffset } of acked) expect([queueOffset, held[queueOffset]]).toEqual([queueOffset, body])
    },
    { file: import.meta.filename },
  ))

test(
  'a deletion that failed half-way is completed by the next',
  withBroker(async fixture => {
    await fixture.send('T')
    const end = fixture.host.disk.fail({ on: ['remove', 'rename'], path: '/store/consumequeue' })
    await expect(fixture.ask(ask.deleteTopicInBroker, { topic: 'T' })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    end()
    await fixture.ask(ask.deleteTopicInBroker, { topic: 'T' })
    expect(fixture.broker.services.store.maxOffset('T', 0)).toBe(0)
    expect(await fixture.send('T')).toMatchObject({ queueOffset: 0 })
  }),
)
