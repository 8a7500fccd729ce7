/** What tools ask about groups, queues and rates, and how they set groups back. */
import { describe, expect, test } from '@jest/globals'
import {
  brokerRequests as ask,
  clientRequests,
  type MessageQueue,
  request,
  resetOffsetBodyForC,
} from '@rocketcluster/protocol'
import { type RemotingClient as Client, RemotingClient } from '@rocketcluster/remoting'
import { type Fixture, withBroker } from '../testing/broker-fixture.ts'

const topicSettings = (topic: string, more: object = {}) => ({
  topic,
  defaultTopic: 'TBW102',
  readQueueNums: 2,
  writeQueueNums: 2,
  perm: 6,
  topicFilterType: 'SINGLE_TAG',
  order: false,
  ...more,
})

async function commit(fixture: Fixture, consumerGroup: string, topic: string, queueId: number, commitOffset: number) {
  await fixture.broker.services.groups.find(consumerGroup)
  await fixture.ask(ask.updateConsumerOffset, { consumerGroup, topic, queueId, commitOffset })
}

async function sendMany(fixture: Fixture, topic: string, queueId: number, count: number, pauseMs = 0) {
  for (let i = 0; i < count; i++) {
    await fixture.send(topic, { queueId })
    await fixture.sim.sleep(pauseMs)
  }
}

/** A member of CG, as far as the broker can tell. */
async function join(fixture: Fixture, clientID: string, more: { topic?: string; client?: Client } = {}) {
  const client = more.client ?? fixture.anotherClient(clientID)
  const topic = more.topic ?? 'T'
  const subscription = {
    topic,
    subString: '*',
    tagsSet: [],
    codeSet: [],
    subVersion: 1,
    expressionType: 'TAG',
    classFilterMode: false,
  }
  await fixture.ask(
    ask.heartBeat,
    {},
    {
      client,
      body: {
        clientID,
        producerDataSet: [],
        consumerDataSet: [
          {
            groupName: 'CG',
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
            subscriptionDataSet: [subscription],
            unitMode: false,
          },
        ],
        heartbeatFingerprint: 0,
        withoutSub: false,
      },
    },
  )
  return client
}

const byQueue = (table: ReadonlyMap<MessageQueue, unknown>) =>
  Object.fromEntries([...table].map(([{ topic, queueId }, value]) => [`${topic}/${queueId}`, value]))

describe('all groups of a broker', () => {
  test(
    'how far each is behind in each topic, and together',
    withBroker(async fixture => {
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('Ordered', { order: true }))
      await sendMany(fixture, 'T', 0, 5)
      await sendMany(fixture, 'Ordered', 1, 3)
      await commit(fixture, 'CG', 'T', 0, 2)
      await commit(fixture, 'Other', 'Ordered', 1, 3)
      const { body } = await fixture.ask(ask.getBrokerConsumeStats, { isOrder: false })
      const of = (group: string) => body!.consumeStatsList.find(table => table.has(group))!.get(group)!
      expect(of('CG')).toHaveLength(1)
      expect(byQueue(of('CG')[0]!.offsetTable)).toMatchObject({
        'T/0': { brokerOffset: 5, consumerOffset: 2 },
        'T/1': { brokerOffset: 0, consumerOffset: 0, lastTimestamp: 0 },
      })
      expect(byQueue(of('Other')[0]!.offsetTable)).toMatchObject({
        'Ordered/1': { brokerOffset: 3, consumerOffset: 3 },
      })
      expect(body).toMatchObject({ brokerAddr: fixture.broker.address, totalDiff: 3, totalInflightDiff: 0 })
      // A group without offsets is there, with nothing.
      expect(of('DEFAULT_CONSUMER')).toEqual([])
      const ordered = await fixture.ask(ask.getBrokerConsumeStats, { isOrder: true })
      expect(ordered.body!.totalDiff).toBe(0)
      expect(ordered.body!.consumeStatsList.find(table => table.has('CG'))!.get('CG')).toEqual([])
    }),
  )

  test(
    'a topic that the members have left does not count, unless it is asked for by list',
    withBroker(async fixture => {
      for (const topic of ['T', 'U']) await fixture.ask(ask.updateAndCreateTopic, topicSettings(topic))
      await sendMany(fixture, 'T', 0, 1)
      for (const topic of ['T', 'U']) await commit(fixture, 'CG', topic, 0, 0)
      await join(fixture, 'a@1', { topic: 'U' })
      const stats = async (more: object) => {
        const { body } = await fixture.ask(ask.getConsumeStats, { consumerGroup: 'CG', ...more })
        return Object.keys(byQueue(body!.offsetTable))
      }
      expect(await stats({})).toEqual(['U/0', 'U/1'])
      expect(await stats({ topic: 'T' })).toEqual([])
      expect(await stats({ topicList: 'T;U;' })).toEqual(['T/0', 'T/1', 'U/0', 'U/1'])
      expect((await fixture.ask(ask.getBrokerConsumeStats, { isOrder: false })).body!.totalDiff).toBe(0)
      await fixture.ask(ask.cloneGroupOffset, { srcGroup: 'CG', destGroup: 'Copy', topic: 'T', offline: false })
      expect(fixture.broker.services.offsets.query('Copy', 'T', 0)).toBeUndefined()
      await fixture.ask(ask.cloneGroupOffset, { srcGroup: 'CG', destGroup: 'Copy', topic: 'T', offline: true })
      expect(fixture.broker.services.offsets.query('Copy', 'T', 0)).toBe(0)
    }),
  )
})

test(
  'time spans: oldest, newest, consumed, and for how long the next has been waiting',
  withBroker(async fixture => {
    await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
    const { clock } = fixture.host.world
    const firstMs = clock.now()
    await sendMany(fixture, 'T', 0, 4, 10_000)
    await commit(fixture, 'CG', 'T', 0, 2)
    const { body } = await fixture.ask(ask.queryConsumeTimeSpan, { topic: 'T', group: 'CG' })
    const [busy, empty] = [...body!.consumeTimeSpanSet].sort(
      (a, b) => a.messageQueue!.queueId - b.messageQueue!.queueId,
    )
    const near = (ms: number) => Math.round((ms - firstMs) / 10_000)
    expect([near(busy!.minTimeStamp), near(busy!.consumeTimeStamp), near(busy!.maxTimeStamp)]).toEqual([0, 1, 3])
    expect(Math.round(busy!.delayTime / 10_000)).toBe(2)
    expect(empty).toMatchObject({ minTimeStamp: -1, maxTimeStamp: -1, consumeTimeStamp: -1, delayTime: 0 })
    await expect(fixture.ask(ask.queryConsumeTimeSpan, { topic: 'None', group: 'CG' })).rejects.toMatchObject({
      status: 'TOPIC_NOT_EXIST',
    })
  }),
)

describe('consume queues', () => {
  const look = async (fixture: Fixture, more: object) =>
    fixture.ask(ask.queryConsumeQueue, { topic: 'T', queueId: 0, index: 0, count: 10, ...more })

  test(
    'entries as they lie there',
    withBroker(async fixture => {
      for (let i = 0; i < 5; i++) await fixture.send('T', { properties: 'TAGS\u0001a\u0002' })
      const { body } = await look(fixture, { index: 1, count: 3 })
      expect(body).toMatchObject({ minQueueIndex: 0, maxQueueIndex: 5 })
      expect(body!.queueData!.map(({ tagsCode }) => tagsCode)).toEqual([97n, 97n, 97n])
      const [first, second] = body!.queueData!
      expect(first!.physicOffset + first!.physicSize).toBe(second!.physicOffset)
      expect((await look(fixture, { count: 100 })).body!.queueData).toHaveLength(5)
      expect((await look(fixture, { count: -1 })).body!.queueData).toEqual([])
      const group = await look(fixture, { consumerGroup: 'CG' })
      expect(group.body).toMatchObject({ filterData: 'CG@T is not online!' })
      await join(fixture, 'a@1')
      expect((await look(fixture, { consumerGroup: 'CG' })).body!.subscriptionData).toMatchObject({ subString: '*' })
    }),
  )

  test(
    'a place where there is nothing, and a queue that is not there',
    withBroker(async fixture => {
      await fixture.send('T')
      expect(await look(fixture, { index: 7 })).toMatchObject({
        status: 'SUCCESS',
        remark: 'Index 7 of 0@T is not exist!',
        body: undefined,
      })
      await expect(look(fixture, { queueId: 3 })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('3@T is not exist!'),
      })
    }),
  )

  test(
    'queues of topics that are not there any more are cleaned; those of others stay',
    withBroker(async fixture => {
      await fixture.send('T')
      await fixture.send('Left')
      const { services } = fixture.broker
      await commit(fixture, 'CG', 'Left', 0, 1)
      // As a broker that stopped half-way through a deletion leaves it.
      await services.topics.delete('Left')
      await fixture.ask(ask.cleanUnusedTopic, {})
      expect([...services.store.topics()].map(({ topic }) => topic)).not.toContain('Left')
      expect(services.offsets.query('CG', 'Left', 0)).toBeUndefined()
      await fixture.ask(ask.cleanExpiredConsumequeue, {})
      expect(services.store.maxOffset('T', 0)).toBe(1)
      expect(await fixture.send('Left')).toMatchObject({ queueOffset: 0 })
    }),
  )
})

describe('statistics', () => {
  const view = (fixture: Fixture, statsName: string, statsKey: string) =>
    fixture.ask(ask.viewBrokerStatsData, { statsName, statsKey }).then(({ body }) => body!)

  test(
    'the last minute, hour and day of a topic, a group and the broker',
    withBroker(async fixture => {
      await fixture.send('T')
      await fixture.ask(ask.pullMessage, {
        consumerGroup: 'CG',
        topic: 'T',
        queueId: 0,
        queueOffset: 0,
        maxMsgNums: 32,
        sysFlag: 4,
        commitOffset: 0,
        suspendTimeoutMillis: 0,
        subscription: '*',
        subVersion: 0,
        expressionType: 'TAG',
      })
      await sendMany(fixture, 'T', 0, 9, 1000)
      await fixture.sim.sleep(20_000)
      const put = await view(fixture, 'TOPIC_PUT_NUMS', 'T')
      expect(put.statsMinute).toMatchObject({ sum: 10, avgpt: 1 })
      expect(put.statsMinute!.tps).toBeGreaterThan(0)
      expect((await view(fixture, 'TOPIC_PUT_SIZE', 'T')).statsMinute!.avgpt).toBeGreaterThan(100)
      expect((await view(fixture, 'GROUP_GET_NUMS', 'T@CG')).statsMinute!.sum).toBe(1)
      expect((await view(fixture, 'BROKER_PUT_NUMS', 'DefaultCluster')).statsMinute!.sum).toBe(10)
      const { body } = await fixture.ask(ask.getTopicStatsInfo, { topic: 'T' })
      expect(body!.topicPutTps).toBeGreaterThan(0)
      // Ten minutes on the minute is over, and the hour has seen it.
      await fixture.sim.sleep(620_000)
      const later = await view(fixture, 'TOPIC_PUT_NUMS', 'T')
      expect([later.statsMinute!.sum, later.statsHour!.sum]).toEqual([0, 10])
      await fixture.sim.sleep(2_800_000)
      const day = await view(fixture, 'TOPIC_PUT_NUMS', 'T')
      expect([day.statsHour!.sum, day.statsDay!.sum]).toEqual([10, 0])
      await fixture.ask(ask.deleteTopicInBroker, { topic: 'T' })
      await expect(view(fixture, 'TOPIC_PUT_NUMS', 'T')).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    }),
  )

  test.each([
    ['NO_SUCH_STATS', 'T'],
    ['toString', 'T'],
    ['TOPIC_PUT_NUMS', 'NoSuchTopic'],
    ['BROKER_PUT_NUMS', 'NoSuchCluster'],
  ])('%s of %s is not there', async (statsName, statsKey) => {
    await withBroker(async fixture => {
      await expect(view(fixture, statsName, statsKey)).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining(`The stats <${statsName}> <${statsKey}> not exist`),
      })
    })()
  })
})

describe('several at once', () => {
  const topic = (topicName: string, more: object = {}) => ({
    topicName,
    readQueueNums: 1,
    writeQueueNums: 1,
    perm: 6,
    topicFilterType: 'SINGLE_TAG' as const,
    topicSysFlag: 0,
    order: false,
    attributes: new Map<string, string>(),
    ...more,
  })

  test(
    'topics: all of them or none, with attributes as changes',
    withBroker(async fixture => {
      const put = (...topicConfigList: ReturnType<typeof topic>[]) =>
        fixture.ask(ask.updateAndCreateTopicList, {}, { body: { topicConfigList } })
      await put(topic('A'), topic('B', { attributes: new Map([['+message.type', 'FIFO']]) }))
      const again = await fixture.restart('power')
      expect(again.broker.services.topics.get('B')!.attributes.get('message.type')).toBe('FIFO')
      const refused = again.ask(
        ask.updateAndCreateTopicList,
        {},
        { body: { topicConfigList: [topic('C'), topic('TBW102')] } },
      )
      await expect(refused).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      expect(again.broker.services.topics.get('C')).toBeUndefined()
      // One that is as it is already does not keep the others from being made.
      const more = [topic('A'), topic('D'), topic('B', { attributes: new Map([['-message.type', '']]) })]
      await again.ask(ask.updateAndCreateTopicList, {}, { body: { topicConfigList: more } })
      expect(again.broker.services.topics.get('D')).toBeDefined()
      expect(again.broker.services.topics.get('B')!.attributes.size).toBe(0)
    }),
  )

  test(
    'groups: all of them or none',
    withBroker(async fixture => {
      const { groups } = fixture.broker.services
      const group = (groupName: string) => ({ ...groups.get('DEFAULT_CONSUMER')!, groupName, retryMaxTimes: 3 })
      const put = (...names: string[]) =>
        fixture.ask(ask.updateAndCreateSubscriptiongroupList, {}, { body: { groupConfigList: names.map(group) } })
      await put('A', 'B')
      await expect(put('C', 'no good!')).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      expect(groups.get('C')).toBeUndefined()
      const again = await fixture.restart('power')
      expect(again.broker.services.groups.get('B')!.retryMaxTimes).toBe(3)
    }),
  )
})

test(
  'a group that is forbidden to read a topic, and allowed again; it stays so after a power cut',
  withBroker(async fixture => {
    await fixture.send('T')
    const forbidden = (from: Fixture, more: object = {}) =>
      from.ask(ask.updateAndGetGroupForbidden, { group: 'CG', topic: 'T', ...more }).then(({ body }) => body!.readable)
    const pull = (from: Fixture) =>
      from.ask(ask.pullMessage, {
        consumerGroup: 'CG',
        topic: 'T',
        queueId: 0,
        queueOffset: 0,
        maxMsgNums: 1,
        sysFlag: 4,
        commitOffset: 0,
        suspendTimeoutMillis: 0,
        subscription: '*',
        subVersion: 0,
      })
    expect(await forbidden(fixture)).toBe(true)
    expect(await forbidden(fixture, { readable: false })).toBe(false)
    const again = await fixture.restart('power')
    await again.send('T')
    expect(await forbidden(again)).toBe(false)
    // PermName.INDEX_PERM_READ is 2: what an Apache broker reads in our file.
    const { forbiddenTable } = again.broker.services.groups.snapshot()
    expect(forbiddenTable.get('CG')!.get('T')).toBe(4)
    await expect(pull(again)).rejects.toMatchObject({ status: 'NO_PERMISSION' })
    expect(await forbidden(again, { readable: true })).toBe(true)
    expect((await pull(again)).status).toBe('SUCCESS')
    await forbidden(again, { readable: false })
    await again.ask(ask.deleteSubscriptiongroup, { groupName: 'CG', cleanOffset: false })
    expect(await forbidden(again)).toBe(true)
  }),
)

test(
  'correction offsets: the lowest of all groups that the store still has',
  withBroker(async fixture => {
    await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
    await sendMany(fixture, 'T', 0, 10)
    await commit(fixture, 'A', 'T', 0, 4)
    await commit(fixture, 'B', 'T', 0, 7)
    await commit(fixture, 'B', 'T', 1, 0)
    const correct = async (compareGroup: string, filterGroups?: string) => {
      const { body } = await fixture.ask(ask.queryCorrectionOffset, { topic: 'T', compareGroup, filterGroups })
      return Object.fromEntries(body!.correctionOffsets)
    }
    expect(await correct('B')).toEqual({ 0: 4, 1: 0 })
    // A stands below what is left when A itself does not count.
    expect(await correct('A', 'A')).toEqual({ 0: Number.MAX_SAFE_INTEGER, 1: 0 })
    expect(await correct('None')).toEqual({ 0: 4, 1: 0 })
    expect(fixture.broker.services.offsets.query('A', 'T', 0)).toBe(4)
  }),
)

test(
  'cold reads: nobody is held back, and limits are refused rather than kept without effect',
  withBroker(async fixture => {
    const { body } = await fixture.ask(ask.getColdDataFlowCtrInfo, {})
    expect(JSON.parse(body!)).toMatchObject({ runtimeTable: {}, configTable: {}, globalAcc: 0 })
    await expect(fixture.ask(ask.updateColdDataFlowCtrConfig, {}, { body: 'CG=1\n' })).rejects.toMatchObject({
      status: 'REQUEST_CODE_NOT_SUPPORTED',
    })
  }),
)

describe('offsets that consumers are told', () => {
  const byConsumers = { useServerSideResetOffset: false }
  const reset = (fixture: Fixture, more: object = {}, client = fixture.client) =>
    fixture.ask(
      ask.invokeBrokerToResetOffset,
      { topic: 'T', group: 'CG', timestamp: -1, isForce: true, ...more },
      { client },
    )

  async function ready(fixture: Fixture) {
    await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
    await sendMany(fixture, 'T', 0, 4, 1000)
    for (const queueId of [0, 1]) await commit(fixture, 'CG', 'T', queueId, queueId === 0 ? 2 : 0)
  }

  test(
    'each member hears of them; going back only, without force',
    withBroker(async fixture => {
      await ready(fixture)
      const told: unknown[] = []
      for (const name of ['a@1', 'b@1']) {
        const client = await join(fixture, name)
        client.handle(clientRequests.resetConsumerClientOffset, (header, { body }) => {
          told.push([name, header.group, byQueue(body!.offsetTable)])
          return {}
        })
      }
      const { body } = await reset(fixture)
      await fixture.sim.sleep(50)
      expect(byQueue(body!.offsetTable)).toEqual({ 'T/0': 4, 'T/1': 0 })
      expect(told.sort()).toEqual(['a@1', 'b@1'].map(name => [name, 'CG', { 'T/0': 4, 'T/1': 0 }]))
      // The broker itself keeps nothing: the members commit where they go on.
      expect(fixture.broker.services.offsets.query('CG', 'T', 0)).toBe(2)
      expect(byQueue((await reset(fixture, { isForce: false })).body!.offsetTable)).toEqual({ 'T/0': 2, 'T/1': 0 })
      expect(byQueue((await reset(fixture, { timestamp: 0 })).body!.offsetTable)).toEqual({ 'T/0': 0, 'T/1': 0 })
    }, byConsumers),
  )

  test(
    'nobody online, a member that is too old, a topic that is not there, a group that never committed',
    withBroker(async fixture => {
      await ready(fixture)
      await expect(reset(fixture)).rejects.toMatchObject({ status: 'CONSUMER_NOT_ONLINE' })
      await expect(reset(fixture, { topic: 'None' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      await expect(reset(fixture, { group: 'Never' })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('<Never>'),
      })
      const old = new RemotingClient(fixture.sim.host('old').world, { version: 10 })
      await join(fixture, 'old@1', { client: old })
      await expect(reset(fixture)).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('the client does not support this feature'),
      })
    }, byConsumers),
  )

  test(
    'asked by a C++ client, members get a form without objects as keys',
    withBroker(async fixture => {
      await ready(fixture)
      const client = await join(fixture, 'a@1')
      const told: unknown[] = []
      const forC = request({ ...clientRequests.resetConsumerClientOffset, body: resetOffsetBodyForC })
      client.handle(forC, (_header, { body }) => {
        told.push(body)
        return {}
      })
      const cpp = new RemotingClient(fixture.sim.host('cpp').world, { language: 'CPP' })
      await reset(fixture, {}, cpp)
      await fixture.sim.sleep(50)
      expect(told).toEqual([
        {
          offsetTable: [
            { brokerName: 'broker-a', topic: 'T', queueId: 0, offset: 4 },
            { brokerName: 'broker-a', topic: 'T', queueId: 1, offset: 0 },
          ],
        },
      ])
    }, byConsumers),
  )

  test(
    'where members say they stand',
    withBroker(async fixture => {
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
      const where = (more: object = {}) =>
        fixture
          .ask(ask.invokeBrokerToGetConsumerStatus, { topic: 'T', group: 'CG', ...more }, { timeoutMs: 20_000 })
          .then(({ body }) => Object.fromEntries([...body!.consumerTable].map(([id, table]) => [id, byQueue(table)])))
      await expect(where()).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('No Any Consumer online in the consumer group: [CG]'),
      })
      for (const [name, queueOffset] of [
        ['a@1', 5],
        ['b@1', 6],
      ] as const) {
        const client = await join(fixture, name)
        client.handle(clientRequests.getConsumerStatusFromClient, ({ topic }) => ({
          body: {
            consumerTable: new Map(),
            messageQueueTable: new Map([[{ brokerName: 'broker-a', topic, queueId: 0 }, queueOffset]]),
          },
        }))
      }
      // One that does not answer is left out.
      const silent = await join(fixture, 'silent@1')
      silent.handle(clientRequests.getConsumerStatusFromClient, () => new Promise(() => {}))
      expect(await where()).toEqual({ 'a@1': { 'T/0': 5 }, 'b@1': { 'T/0': 6 } })
      expect(await where({ clientAddr: 'b@1' })).toEqual({ 'b@1': { 'T/0': 6 } })
      const old = new RemotingClient(fixture.sim.host('old').world, { version: 10 })
      await join(fixture, 'old@1', { client: old })
      await expect(where()).rejects.toMatchObject({ message: expect.stringContaining('does not support this feature') })
    }),
  )
})

test(
  'a pull that is held for a consumer that is gone does not take a reset with it; the next one gets it, once',
  withBroker(async fixture => {
    await sendMany(fixture, 'T', 0, 4)
    await commit(fixture, 'CG', 'T', 0, 4)
    const pull = (client: Client, queueOffset: number) =>
      fixture.ask(
        ask.pullMessage,
        {
          consumerGroup: 'CG',
          topic: 'T',
          queueId: 0,
          queueOffset,
          maxMsgNums: 32,
          // SUSPEND and SUBSCRIPTION
          sysFlag: 6,
          commitOffset: 0,
          suspendTimeoutMillis: 15_000,
          subscription: '*',
          subVersion: 0,
        },
        { client, timeoutMs: 30_000 },
      )
    const gone = fixture.anotherClient('gone')
    const held = pull(gone, 4).catch(() => undefined)
    await fixture.sim.sleep(1000)
    await gone.close()
    await held
    await fixture.ask(ask.invokeBrokerToResetOffset, { topic: 'T', group: 'CG', timestamp: 0, isForce: true })
    await fixture.sim.sleep(20_000)
    expect(await pull(fixture.client, 4)).toMatchObject({ status: 'PULL_OFFSET_MOVED', nextBeginOffset: 0 })
    expect(await pull(fixture.client, 0)).toMatchObject({ status: 'SUCCESS', nextBeginOffset: 4 })
  }),
)

test(
  'resets: before the store is its beginning, in the future its end, and what cannot be is refused with nothing changed',
  withBroker(async fixture => {
    await sendMany(fixture, 'T', 0, 4, 1000)
    await commit(fixture, 'CG', 'T', 0, 2)
    const reset = (more: object) =>
      fixture.ask(ask.invokeBrokerToResetOffset, { topic: 'T', group: 'CG', timestamp: 0, isForce: true, ...more })
    const at = () => fixture.broker.services.offsets.query('CG', 'T', 0)
    await reset({ timestamp: 0 })
    expect(at()).toBe(0)
    await reset({ timestamp: fixture.host.world.clock.now() + 3_600_000 })
    expect(at()).toBe(4)
    await reset({ queueId: 0, offset: 3 })
    expect(at()).toBe(3)
    for (const [more, status] of [
      [{ queueId: 0, offset: 5 }, 'SYSTEM_ERROR'],
      [{ queueId: 9, offset: 0 }, 'INVALID_PARAMETER'],
      [{ topic: 'None' }, 'TOPIC_NOT_EXIST'],
      [{ group: 'None' }, 'SUBSCRIPTION_GROUP_NOT_EXIST'],
    ] as const)
      await expect(reset(more)).rejects.toMatchObject({ status })
    expect(at()).toBe(3)
    // A reset that was answered is on disk, whatever else is not; one that the disk refuses was never there.
    const end = fixture.host.disk.fail({ on: ['write', 'sync'], path: '/store/config/consumerOffset' })
    await expect(reset({ queueId: 0, offset: 1 })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    end()
    expect(at()).toBe(3)
    await reset({ queueId: 0, offset: 2 })
    const again = await fixture.restart('power')
    expect(again.broker.services.offsets.query('CG', 'T', 0)).toBe(2)
  }),
)

test(
  'a group is as readable as it was when the disk refuses to have it changed',
  withBroker(async fixture => {
    const { groups } = fixture.broker.services
    await groups.forbidReading('CG', 'T', true)
    const end = fixture.host.disk.fail({ on: ['write', 'sync'], path: '/store/config/subscriptionGroup' })
    await expect(
      fixture.ask(ask.updateAndGetGroupForbidden, { group: 'CG', topic: 'T', readable: true }),
    ).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
    end()
    expect(groups.isReadForbidden('CG', 'T')).toBe(true)
  }),
)
