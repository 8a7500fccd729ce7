import { expect, test } from '@jest/globals'
import { type Fixture, withBroker } from '../testing/broker-fixture.ts'
import { Popper } from './pop/testing/popper.ts'
import { readQueue } from './read-queue.ts'
import { COMMIT, TestProducer } from './transactions/testing/producer.ts'

/** A byte of the record's body turns, in a file that no start reads as a whole. */
async function damage({ host, broker, send }: Fixture, physicalOffset: number): Promise<void> {
  for (let i = 0; i < 30; i++) await send('Other', { body: 'x'.repeat(60_000) })
  await broker.services.store.flush()
  const file = await host.world.disk.open('/store/commitlog/00000000000000000000', 'readWrite')
  await file.write([Buffer.from('!')], physicalOffset + 88)
  await file.sync()
  await file.close()
}

test(
  'a damaged half message is gone, and the others go on',
  withBroker(async fixture => {
    const producer = new TestProducer(fixture, 'producer')
    const bornTimestamp = fixture.host.world.clock.now()
    const damaged = await producer.prepare('T', 'U1', { bornTimestamp })
    const sound = await producer.prepare('T', 'U2', { bornTimestamp })
    await damage(fixture, damaged.commitLogOffset)
    const after = await fixture.restart('stop')
    expect(await producer.end(sound, COMMIT)).toMatchObject({ status: 'SUCCESS' })
    await expect(producer.end(damaged, COMMIT)).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    const { messages } = await readQueue(after.broker.services.store, 'T', 0, 0, 32)
    expect(messages.map(({ body }) => body.toString())).toEqual(['U2'])
  }),
)

test(
  'a damaged check point keeps no broker from starting',
  withBroker(
    async fixture => {
      await fixture.send('T', { body: 'one' })
      await fixture.send('T', { body: 'two' })
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      await popper.pop({ maxMsgNums: 1 })
      await popper.pop({ maxMsgNums: 1, invisibleTime: 40_000 })
      const [record] = (await readQueue(fixture.broker.services.store, 'rmq_sys_REVIVE_LOG_DefaultCluster', 0, 0, 1))
        .messages
      await damage(fixture, record!.physicalOffset)
      popper.fixture = await fixture.restart('stop')
      await fixture.sim.sleep(45_000)
      expect((await popper.pop()).map(({ body }) => body)).toEqual(['two'])
    },
    { reviveQueueNum: 1 },
  ),
)

test(
  'a damaged message is not given back, and keeps no other one of its pop back',
  withBroker(async fixture => {
    const { msgId } = await fixture.send('T', { body: 'one' })
    await fixture.send('T', { body: 'two' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    expect(await popper.pop({ invisibleTime: 60_000 })).toHaveLength(2)
    await damage(fixture, Number.parseInt(msgId.slice(16), 16))
    popper.fixture = await fixture.restart('stop')
    await fixture.sim.sleep(65_000)
    expect((await popper.pop()).map(({ body }) => body)).toEqual(['two'])
  }),
)
