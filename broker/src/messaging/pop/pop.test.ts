import { expect, test } from '@jest/globals'
import { brokerRequests, property } from '@rocketcluster/protocol'
import { propertiesOf, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { Popper } from './testing/popper.ts'

test(
  'what is popped is invisible, comes back after its time with one more attempt, and is gone when acknowledged',
  withBroker(async fixture => {
    const { sim, send } = fixture
    await send('T', { body: 'one' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const [first] = await popper.pop({ invisibleTime: 3000 })
    expect(first).toMatchObject({ body: 'one', reconsumeTimes: 0, realTopic: 'T' })
    expect(await popper.pop()).toEqual([])

    await sim.sleep(2900)
    expect(await popper.pop()).toEqual([])
    await sim.sleep(300)
    const [second] = await popper.pop({ invisibleTime: 3000 })
    expect(second).toMatchObject({ body: 'one', reconsumeTimes: 1, realTopic: '%RETRY%G_T' })
    expect(second!.message.topic).toBe('T')
    expect(second!.message.property(property.FIRST_POP_TIME)).toBe(String(first!.popTime))

    await popper.ack(second!)
    await sim.sleep(60_000)
    expect(await popper.pop()).toEqual([])
  }),
)

test(
  'a pop that waits is woken by a message, and by one that comes back',
  withBroker(async fixture => {
    const { sim, send } = fixture
    await send('T', { body: 'first' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const [popped] = await popper.pop({ invisibleTime: 5000 })
    await popper.ack(popped!)
    const started = sim.nowMs
    const waiting = popper.pop({ pollTime: 15_000, invisibleTime: 2000 })
    await sim.sleep(1000)
    await send('T', { body: 'second' })
    expect((await waiting).map(({ body }) => body)).toEqual(['second'])
    expect(sim.nowMs - started).toBeLessThan(1100)
    const [again] = await popper.pop({ pollTime: 15_000 })
    expect(again).toMatchObject({ body: 'second', reconsumeTimes: 1 })
    expect(sim.nowMs - started).toBeLessThan(3400)
  }),
)

test(
  'two consumers share a queue, and nobody gets what the other one has',
  withBroker(async fixture => {
    for (let i = 0; i < 10; i++) await fixture.send('T', { body: `${i}` })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const popped = (await Promise.all(Array.from({ length: 5 }, () => popper.pop({ maxMsgNums: 2 })))).flat()
    expect(popped.map(({ body }) => body).sort()).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`))
  }),
)

test(
  'a changed invisible time counts from then on, under a new handle; the old one is worth nothing',
  withBroker(async fixture => {
    const { sim, send } = fixture
    await send('T', { body: 'one' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const [popped] = await popper.pop({ invisibleTime: 2000 })
    await sim.sleep(1000)
    const changed = await popper.changeInvisibleTime(popped!, 5000)
    expect(changed.popTime).toBeGreaterThanOrEqual(popped!.popTime + 900)
    expect(await popper.ack(popped!)).toMatchObject({ status: 'SUCCESS' })
    expect(await popper.changeInvisibleTime(popped!, 60_000)).toMatchObject({ invisibleTime: 60_000 })
    await sim.sleep(4800)
    expect(await popper.pop()).toEqual([])
    await sim.sleep(500)
    const [again] = await popper.pop()
    expect(again).toMatchObject({ body: 'one', reconsumeTimes: 1 })
    await popper.ack(changed)
    await popper.ack(again!)
    await sim.sleep(120_000)
    expect(await popper.pop()).toEqual([])
  }),
)

test(
  'handles and acknowledgements outlive the broker, however it ends',
  withBroker(
    async first => {
      let fixture = first
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      for (const how of ['kill', 'power', 'stop'] as const) {
        for (const body of ['acked before', 'acked after', 'left']) await fixture.send('T', { body })
        const popped = await popper.pop({ invisibleTime: 20_000 })
        await popper.ack(popped.find(({ body }) => body === 'acked before')!)
        popper.fixture = fixture = await fixture.restart(how)
        expect(await popper.pop()).toEqual([])
        await popper.ack(popped.find(({ body }) => body === 'acked after')!)
        const again = await popper.pop({ pollTime: 30_000 })
        expect(again).toMatchObject([{ body: 'left', reconsumeTimes: 1 }])
        await popper.ack(again[0]!)
        await fixture.sim.sleep(60_000)
        expect(await popper.pop()).toEqual([])
        expect(fixture.broker.services.pops.ledger.checkPointCount).toBe(0)
      }
    },
    { flushDiskType: 'SYNC_FLUSH' },
  ),
)

test(
  'who gives a message back too often gets it no more: it becomes a dead letter',
  withBroker(async fixture => {
    const { broker, send } = fixture
    const group = (await broker.services.groups.find('G'))!
    await broker.services.groups.put({ ...group, retryMaxTimes: 2 })
    await send('T', { body: 'poison' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const times: number[] = []
    for (let i = 0; i < 4; i++)
      for (const { reconsumeTimes } of await popper.pop({ invisibleTime: 500, pollTime: 5000 }))
        times.push(reconsumeTimes)
    expect(times).toEqual([0, 1, 2])
    const { messages } = await readQueue(broker.services.store, '%DLQ%G', 0, 0, 10)
    expect(messages.map(message => [message.body.toString(), message.property(property.DLQ_ORIGIN_TOPIC)])).toEqual([
      ['poison', 'T'],
    ])
  }),
)

test(
  'tags and SQL choose what is popped, also among what comes back',
  withBroker(async fixture => {
    const { sim, send } = fixture
    for (const [body, tag, n] of [
      ['a', 'x', '1'],
      ['b', 'y', '2'],
      ['c', 'x', '3'],
    ] as const)
      await send('T', { body, properties: propertiesOf({ TAGS: tag, n }) })
    const bodies = async (group: string, expType: string, exp: string) =>
      (await new Popper(fixture, { topic: 'T', group }).pop({ expType, exp, invisibleTime: 1000 })).map(
        ({ body }) => body,
      )
    expect(await bodies('tags', 'TAG', 'x || z')).toEqual(['a', 'c'])
    expect(await bodies('sql', 'SQL92', 'n >= 2')).toEqual(['b', 'c'])
    await sim.sleep(1300)
    expect(await bodies('tags', 'TAG', 'x')).toEqual(['a', 'c'])
    expect(await bodies('sql', 'SQL92', 'n >= 2')).toEqual(['b', 'c'])
    await expect(bodies('sql', 'SQL92', 'n >>')).rejects.toMatchObject({ status: 'SUBSCRIPTION_PARSE_FAILED' })
  }),
)

test(
  'an ordered pop blocks its queue until it is dealt with, and gives the same again to the same attempt',
  withBroker(async fixture => {
    const { sim, send } = fixture
    for (let i = 0; i < 5; i++) await send('T', { body: `${i}` })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const pop = (attemptId: string, more = {}) =>
      popper.pop({ order: true, attemptId, queueId: 0, maxMsgNums: 2, invisibleTime: 3000, ...more })
    const bodies = (popped: readonly { body: string }[]) => popped.map(({ body }) => body)
    expect(bodies(await pop('a'))).toEqual(['0', '1'])
    expect(popper.last!.orderCountInfo).toBe('0 0 0')
    expect(bodies(await pop('b'))).toEqual([])
    const again = await pop('a')
    expect(bodies(again)).toEqual(['0', '1'])
    await popper.ack(again[0]!)
    expect(bodies(await pop('c'))).toEqual([])
    const waiting = pop('d', { pollTime: 10_000 })
    const held = await popper.changeInvisibleTime(again[1]!, 5000)
    const started = sim.nowMs
    const third = await waiting
    expect(bodies(third)).toEqual(['1', '2'])
    expect(sim.nowMs - started).toBeGreaterThan(4900)
    expect(popper.last!.orderCountInfo).toBe('0 qo0%1 1;0 0 0')
    // Of the pop before, and not of this one.
    expect(await popper.ack(held)).toMatchObject({ status: 'SUCCESS' })
    await expect(popper.ack({ ...third[0]!, queueOffset: 4 })).rejects.toMatchObject({ status: 'MESSAGE_ILLEGAL' })
    for (const one of third) await popper.ack(one)
    expect(bodies(await pop('e'))).toEqual(['3', '4'])
  }),
)

test(
  'what makes no sense is refused by name, and nothing changes',
  withBroker(async fixture => {
    const { ask, send } = fixture
    await send('T', { body: 'one' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const refused = (more: object, status: string, remark: string) =>
      expect(popper.pop(more)).rejects.toMatchObject({ status, message: expect.stringContaining(remark) })
    await refused({ topic: 'Absent' }, 'TOPIC_NOT_EXIST', 'topic[Absent] not exist')
    await refused({ maxMsgNums: 33 }, 'INVALID_PARAMETER', 'maxMsgNums is 33')
    await refused({ maxMsgNums: 0 }, 'INVALID_PARAMETER', 'maxMsgNums is 0')
    await refused({ invisibleTime: -1 }, 'INVALID_PARAMETER', 'invisibleTime is -1')
    await refused({ queueId: 9 }, 'INVALID_PARAMETER', 'queueId[9] is illegal')
    await refused({ queueId: -2 }, 'INVALID_PARAMETER', 'queueId is -2')
    await refused({ initMode: 2 }, 'INVALID_PARAMETER', 'initMode is 2')
    await refused({ consumerGroup: 'a b' }, 'SUBSCRIPTION_GROUP_NOT_EXIST', 'a b')
    expect(await popper.pop({ bornTime: 1 })).toEqual([])
    expect(popper.last!.status).toBe('POLLING_TIMEOUT')

    const [popped] = await popper.pop({ invisibleTime: 5000 })
    const ack = (more: object) =>
      ask(brokerRequests.ackMessage, {
        consumerGroup: 'G',
        topic: 'T',
        queueId: 0,
        extraInfo: popped!.handle,
        offset: 0,
        ...more,
      })
    await expect(ack({ topic: 'Absent' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
    await expect(ack({ queueId: 9 })).rejects.toMatchObject({ status: 'MESSAGE_ILLEGAL' })
    expect(await ack({ offset: 7 })).toMatchObject({ status: 'NO_MESSAGE' })
    await expect(ack({ extraInfo: 'nonsense' })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    // Foreign handles are answered as Apache answers them, and do nothing.
    expect(await ack({ extraInfo: popped!.handle.replace('broker-a', 'broker-b') })).toMatchObject({
      status: 'SUCCESS',
    })
    expect(await ack({ consumerGroup: 'Other' })).toMatchObject({ status: 'SUCCESS' })
    expect(await ask(brokerRequests.batchAckMessage, {}, { body: { acks: [], brokerName: 'broker-a' } })).toMatchObject(
      {
        status: 'NO_MESSAGE',
      },
    )
    const [again] = await popper.pop({ pollTime: 10_000 })
    expect(again).toMatchObject({ body: 'one', reconsumeTimes: 1 })
  }),
)

test(
  'enablePropertyFilter=false refuses SQL92 here as it does for pulls; tags go on',
  withBroker(
    async fixture => {
      await fixture.send('T', { body: 'one', properties: propertiesOf({ TAGS: 'a' }) })
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      await expect(popper.pop({ expType: 'SQL92', exp: 'n > 1' })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('enablePropertyFilter is false'),
      })
      expect(await popper.pop({ expType: 'TAG', exp: 'a' })).toHaveLength(1)
    },
    { enablePropertyFilter: false },
  ),
)

test(
  'notification, polling info and peek look without taking',
  withBroker(async fixture => {
    const { ask, send, sim } = fixture
    await send('T', { body: 'one' })
    const where = { consumerGroup: 'G', topic: 'T', queueId: -1 }
    const notify = (pollTime: number) => ask(brokerRequests.notification, { ...where, pollTime, bornTime: 0 })
    expect(await notify(0)).toMatchObject({ hasMsg: true })
    expect(await ask(brokerRequests.peekMessage, { ...where, maxMsgNums: 5 })).toMatchObject({
      status: 'SUCCESS',
      restNum: 1,
    })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    const [popped] = await popper.pop()
    await popper.ack(popped!)
    expect(await notify(500)).toMatchObject({ hasMsg: false })
    expect(await ask(brokerRequests.peekMessage, { ...where, maxMsgNums: 5 })).toMatchObject({
      status: 'PULL_NOT_FOUND',
    })
    expect(await popper.pop({ consumerGroup: 'H' })).toHaveLength(1)
    const waiting = [notify(5000), popper.pop({ pollTime: 5000, consumerGroup: 'H' })] as const
    await sim.sleep(100)
    expect(await ask(brokerRequests.pollingInfo, { ...where, consumerGroup: 'H' })).toMatchObject({ pollingNum: 1 })
    await send('T', { body: 'two' })
    expect(await waiting[0]).toMatchObject({ hasMsg: true })
    expect((await waiting[1]).map(({ body }) => body)).toEqual(['two'])
    expect(await ask(brokerRequests.pollingInfo, where)).toMatchObject({ pollingNum: 0 })
  }),
)

test(
  'a reset moves pops, and the mode of a group is kept',
  withBroker(async fixture => {
    const { ask, send, broker } = fixture
    for (const body of ['0', '1', '2']) await send('T', { body })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    for (const popped of await popper.pop()) await popper.ack(popped)
    await broker.services.offsets.reset('G', 'T', new Map([[0, 1]]))
    expect((await popper.pop()).map(({ body }) => body)).toEqual(['1', '2'])

    const question = {
      clientId: 'c',
      consumerGroup: 'G',
      messageModel: 'CLUSTERING',
      strategyName: 'AVG',
      topic: 'T',
    } as const
    // Without a name server nobody knows which brokers have the topic: the client keeps what it has.
    expect(await ask(brokerRequests.queryAssignment, {}, { body: question })).toMatchObject({ status: 'SUCCESS' })

    const mode = { consumerGroup: 'G', topic: 'T', mode: 'POP', popShareQueueNum: 2 } as const
    await ask(brokerRequests.setMessageRequestMode, {}, { body: mode })
    await expect(
      ask(brokerRequests.setMessageRequestMode, {}, { body: { ...mode, topic: '%RETRY%G' } }),
    ).rejects.toMatchObject({ status: 'NO_PERMISSION' })
    await expect(
      ask(brokerRequests.setMessageRequestMode, {}, { body: { ...mode, topic: 'Absent' } }),
    ).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
    const after = await fixture.restart('power')
    const { body } = await after.ask(brokerRequests.getAllMessageRequestMode, {})
    expect(body!.messageRequestModeMap.get('T')!.get('G')).toMatchObject(mode)
  }),
)

test(
  'while too many are invisible a pop waits for its time, and all others are served',
  withBroker(
    async fixture => {
      const { sim, send } = fixture
      for (let i = 0; i < 3; i++) await send('T', { body: `${i}` })
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      const [first] = await popper.pop({ maxMsgNums: 2 })
      const started = sim.nowMs
      const waiting = popper.pop({ pollTime: 3000 })
      await sim.sleep(1000)
      await popper.ack(first!)
      expect((await waiting).map(({ body }) => body)).toEqual(['2'])
      expect(sim.nowMs - started).toBeLessThan(3200)
    },
    { enablePopMessageThreshold: true, popInflightMessageThreshold: 1 },
  ),
)

test(
  'a maxMessageSize that was lowered keeps nothing back that was popped before',
  withBroker(async fixture => {
    const { sim, send, ask } = fixture
    const large = 'large'.repeat(1000)
    await send('T', { body: large })
    await send('T', { body: 'small' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    expect(await popper.pop({ invisibleTime: 2000 })).toHaveLength(2)
    await ask(brokerRequests.updateBrokerConfig, {}, { body: 'maxMessageSize=1000\n' })
    await sim.sleep(3000)
    expect((await popper.pop()).map(({ body }) => body).sort()).toEqual([large, 'small'])
  }),
)

test(
  'a message whose properties leave no room for a retry becomes a dead letter, and the others come back',
  withBroker(async fixture => {
    const { sim, send, broker } = fixture
    await send('T', { body: 'full', properties: propertiesOf({ a: 'x'.repeat(32_630) }) })
    await send('T', { body: 'small' })
    const popper = new Popper(fixture, { topic: 'T', group: 'G' })
    expect(await popper.pop({ invisibleTime: 2000 })).toHaveLength(2)
    await sim.sleep(3000)
    expect((await popper.pop()).map(({ body }) => body)).toEqual(['small'])
    const { messages } = await readQueue(broker.services.store, '%DLQ%G', 0, 0, 32)
    expect(messages.map(({ body }) => body.toString())).toEqual(['full'])
  }),
)

test(
  'ordered pops of a topic that was deleted block nothing of one that is made anew',
  withBroker(async ({ ask, send, ...fixture }) => {
    await send('T', { body: 'old' })
    const popper = new Popper({ ask, send, ...fixture }, { topic: 'T', group: 'G' })
    expect(await popper.pop({ order: true, queueId: 0 })).toHaveLength(1)
    await ask(brokerRequests.deleteTopicInBroker, { topic: 'T' })
    await send('T', { body: 'new' })
    expect((await popper.pop({ order: true, queueId: 0 })).map(({ body }) => body)).toEqual(['new'])
  }),
)

test(
  'a group that is deleted with its offsets begins anew, also when it has just popped',
  withBroker(
    async fixture => {
      const { ask, send, sim, broker } = fixture
      await send('T', { body: 'one' })
      const popper = new Popper(fixture, { topic: 'T', group: 'G' })
      const [popped] = await popper.pop()
      await popper.ack(popped!)
      await ask(brokerRequests.deleteSubscriptiongroup, { groupName: 'G', cleanOffset: true })
      await sim.sleep(5000)
      expect(broker.services.offsets.query('G', 'T', 0)).toBeUndefined()
      expect((await popper.pop()).map(({ body }) => body)).toEqual(['one'])
    },
    { flushDiskType: 'ASYNC_FLUSH' },
  ),
)
