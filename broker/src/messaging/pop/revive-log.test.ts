import { expect, test } from '@jest/globals'
import { brokerRequests, property } from '@rocketcluster/protocol'
import { type Fixture, withBroker } from '../../testing/broker-fixture.ts'
import { ownMessage, toStore } from '../outgoing-message.ts'
import { readQueue } from '../read-queue.ts'
import { Popper } from './testing/popper.ts'

const REVIVE_TOPIC = 'rmq_sys_REVIVE_LOG_DefaultCluster'
const one = { reviveQueueNum: 1 }

const records = async ({ broker }: Fixture) => (await readQueue(broker.services.store, REVIVE_TOPIC, 0, 0, 32)).messages
const progress = ({ broker }: Fixture) => broker.services.offsets.query('CID_RMQ_SYS_REVIVE_GROUP', REVIVE_TOPIC, 0)

/** As Apache's broker writes them, brought by its timer. */
async function foreign(fixture: Fixture, tag: string, body: object, deliverMs: number): Promise<void> {
  const { store, world } = fixture.broker.services
  const message = ownMessage(store.storeHost, world.clock.now(), {
    topic: REVIVE_TOPIC,
    queueId: 0,
    body: Buffer.from(JSON.stringify(body)),
    properties: new Map([
      [property.TAGS, tag],
      [property.TIMER_DELIVER_MS, String(deliverMs)],
    ]),
  })
  await store.put(toStore(message))
}

test(
  'check points and acks are written as Apache writes them',
  withBroker(async fixture => {
    for (const body of ['a', 'b', 'c']) await fixture.send('T', { body })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const [a, b, c] = await popper.pop({ invisibleTime: 30_000 })
    await popper.ack(a!)
    const acks = [{ b: Buffer.from([0b110]), c: 'G', it: 30_000, pt: b!.popTime, q: 0, r: '0', rq: 0, so: 0, t: 'T' }]
    await fixture.ask(brokerRequests.batchAckMessage, {}, { body: { acks, brokerName: 'broker-a' } })
    expect((await records(fixture)).map(({ tags }) => tags)).toEqual(['ck', 'ack', 'bAck'])
    const pt = c!.popTime
    const common = { bn: 'broker-a', c: 'G', pt, q: 0, so: 0, t: 'T' }
    expect((await records(fixture)).map(({ body }) => JSON.parse(body.toString()))).toEqual([
      { ...common, bm: 0, d: [0, 1, 2], it: 30_000, n: 3, no: 3, po: 0, ro: 0 },
      { ...common, ao: 0 },
      { ...common, ao: -1, aol: [1, 2] },
    ])
    expect((await records(fixture)).map(message => message.property('UNIQ_KEY'))).toEqual([
      `T@0@0@G@${pt}@broker-a@ck`,
      `T@0@0@G@${pt}@broker-a@ack`,
      `T@0@[1, 2]@G@${pt}@bAck`,
    ])
  }, one),
)

test(
  'what Apache’s timer brings is looked after, whether it comes before a start or after',
  withBroker(async first => {
    let fixture = first
    for (const body of ['a', 'b', 'c']) await fixture.send('T', { body })
    const { world, groups } = fixture.broker.services
    await groups.find('G')
    const pt = world.clock.now() - 10_000
    const common = { bn: 'broker-a', c: 'G', pt, q: 0, so: 0, t: 'T' }
    // Its consumers had popped all three before the directory moved.
    await fixture.broker.services.offsets.reset('G', 'T', new Map([[0, 3]]))
    fixture.broker.services.offsets.takeReset('G', 'T', 0)
    await foreign(fixture, 'ck', { ...common, bm: 0, d: [0, 1, 2], it: 11_000, n: 3, ro: 0 }, pt + 10_000)
    await fixture.sim.sleep(500)
    await foreign(fixture, 'ack', { ...common, ao: 1 }, pt + 11_000)
    fixture = await fixture.restart('kill')
    await fixture.sim.sleep(1000)
    await foreign(fixture, 'bAck', { ...common, ao: -1, aol: [2] }, pt + 11_000)
    await foreign(fixture, 'ck', { nonsense: true }, 0)
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const back = await popper.pop({ pollTime: 20_000 })
    expect(back.map(({ body, reconsumeTimes }) => [body, reconsumeTimes])).toEqual([['a', 1]])
    await fixture.sim.sleep(30_000)
    expect(await popper.pop()).toEqual([])
  }, one),
)

test(
  'a message that stays invisible for long does not hold up the revive log',
  withBroker(async first => {
    let fixture = first
    fixture.broker.services.pops.ledger.rewriteDistance = 40
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    await fixture.send('T', { body: 'long' })
    const [long] = await popper.pop({ invisibleTime: 1_800_000 })
    for (let i = 0; i < 100; i++) {
      await fixture.send('T', { body: `${i}` })
      const [popped] = await popper.pop()
      await popper.ack(popped!)
    }
    await fixture.sim.sleep(5000)
    const { pops } = fixture.broker.services
    expect(pops.ledger.checkPointCount).toBe(1)
    expect(progress(fixture)).toBeGreaterThan(190)
    popper.fixture = fixture = await fixture.restart('power')
    expect(fixture.broker.services.pops.ledger.checkPointCount).toBe(1)
    expect(await popper.pop()).toEqual([])
    await fixture.sim.sleep(1_800_000)
    const [back] = await popper.pop()
    expect(back).toMatchObject({ body: 'long', reconsumeTimes: 1 })
    expect(await popper.ack(long!)).toMatchObject({ status: 'SUCCESS' })
  }, one),
)

test(
  'a pop that the disk does not take is no pop, and an ack that it does not take is an error',
  withBroker(
    async fixture => {
      const { sim, host } = fixture
      for (const body of ['a', 'b']) await fixture.send('T', { body })
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      const [a] = await popper.pop({ maxMsgNums: 1, invisibleTime: 20_000 })
      const heal = host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
      await expect(popper.ack(a!)).rejects.toMatchObject({ status: 'SERVICE_NOT_AVAILABLE' })
      await expect(popper.pop({ invisibleTime: 1000 })).rejects.toMatchObject({ status: 'SERVICE_NOT_AVAILABLE' })
      await sim.sleep(5000)
      heal()
      await sim.sleep(20_000)
      const back = (await popper.pop()).map(({ body }) => body).sort()
      expect(back).toEqual(['a', 'b'])
    },
    { ...one, cleanResourceInterval: 1000 },
  ),
)

test(
  'with enablePopBufferMerge what is acknowledged soon is never written, and the rest survives',
  withBroker(
    async first => {
      let fixture = first
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      for (let i = 0; i < 5; i++) await fixture.send('T', { body: `${i}` })
      for (const popped of (await popper.pop()).slice(0, 5)) await popper.ack(popped)
      await fixture.sim.sleep(15_000)
      expect(await records(fixture)).toEqual([])
      expect(fixture.broker.services.offsets.query('G', 'T', 0)).toBe(5)
      await fixture.send('T', { body: 'left' })
      const [left] = await popper.pop({ invisibleTime: 30_000 })
      popper.fixture = fixture = await fixture.restart('stop')
      expect((await records(fixture)).map(({ tags }) => tags)).toEqual(['ck'])
      expect(await popper.pop()).toEqual([])
      await popper.ack(left!)
      await fixture.sim.sleep(60_000)
      expect(await popper.pop()).toEqual([])
    },
    { ...one, enablePopBufferMerge: true },
  ),
)

test(
  'a topic that is deleted takes along what was popped of it',
  withBroker(async first => {
    let fixture = first
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    await fixture.send('T', { body: 'old' })
    await popper.pop({ invisibleTime: 3000 })
    await fixture.ask(brokerRequests.deleteTopicInBroker, { topic: 'T' })
    await fixture.send('T', { body: 'new' })
    popper.fixture = fixture = await fixture.restart('kill')
    expect((await popper.pop()).map(({ body }) => body)).toEqual(['new'])
    expect(fixture.broker.services.topics.get('%RETRY%G_T')).toBeUndefined()
  }, one),
)
