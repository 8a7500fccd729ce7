import { describe, expect, test } from '@jest/globals'
import { brokerRequests as ask, clientRequests, decodeRecords, offsetMsgIds } from '@rocketcluster/protocol'
import { handledRequests } from '../handlers.ts'
import { type Fixture, propertiesOf, withBroker } from '../testing/broker-fixture.ts'

const topicSettings = (topic: string, more: object = {}) => ({
  topic,
  defaultTopic: 'TBW102',
  readQueueNums: 2,
  writeQueueNums: 2,
  perm: 6,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: 0,
  order: false,
  ...more,
})

/** As a consumer does that has pulled before: a commit alone makes no group. */
async function commit(
  fixture: Fixture,
  commitOffset: number,
  more: { consumerGroup?: string; topic?: string; queueId?: number } = {},
) {
  const header = { consumerGroup: 'CG', topic: 'T', queueId: 0, commitOffset, ...more }
  await fixture.broker.services.groups.find(header.consumerGroup)
  return fixture.ask(ask.updateConsumerOffset, header)
}

/** A client that is connected as a consumer of T, as far as the broker can tell. */
async function connectConsumer(fixture: Fixture, clientID = 'consumer@1', client = fixture.client) {
  await fixture.ask(
    ask.heartBeat,
    {},
    {
      client,
      body: {
        clientID,
        producerDataSet: [{ groupName: 'PG' }],
        consumerDataSet: [
          {
            groupName: 'CG',
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
            subscriptionDataSet: [
              {
                topic: 'T',
                subString: '*',
                tagsSet: [],
                codeSet: [],
                subVersion: 1,
                expressionType: 'TAG',
                classFilterMode: false,
              },
            ],
            unitMode: false,
          },
        ],
        heartbeatFingerprint: 0,
        withoutSub: false,
      } as never,
    },
  )
}

describe('topics', () => {
  test(
    'create, show, change, delete; the answer comes when it is on disk',
    withBroker(async fixture => {
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('T', { attributes: '+message.type=FIFO', order: true }))
      const again = await fixture.restart('power')
      const { body } = await again.ask(ask.getTopicConfig, { topic: 'T' })
      expect(body).toMatchObject({ topicName: 'T', readQueueNums: 2, writeQueueNums: 2, perm: 6, order: true })
      expect(body!.attributes.get('message.type')).toBe('FIFO')
      await again.ask(ask.updateAndCreateTopic, topicSettings('T', { readQueueNums: 5, attributes: '-message.type' }))
      expect((await again.ask(ask.getTopicConfig, { topic: 'T' })).body!.attributes.size).toBe(0)
      await again.send('T')
      await commit(again, 1)
      await again.ask(ask.deleteTopicInBroker, { topic: 'T' })
      await expect(again.ask(ask.getTopicConfig, { topic: 'T' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      // A topic that is made anew begins anew, for its consumers too, and also after a power cut.
      await again.ask(ask.updateAndCreateTopic, topicSettings('T'))
      const third = await again.restart('power')
      expect(await third.ask(ask.getMaxOffset, { topic: 'T', queueId: 0 })).toMatchObject({ offset: 0 })
      expect(third.broker.services.offsets.query('CG', 'T', 0)).toBeUndefined()
      await third.ask(ask.deleteTopicInBroker, { topic: 'NeverThere' })
    }),
  )

  test.each([
    ['a name', { topic: 'no good!' }],
    ['a system topic', { topic: 'TBW102' }],
    ["this broker's own topic", { topic: 'broker-a' }],
    ['queues below 0', { readQueueNums: -1 }],
    ['too many queues', { writeQueueNums: 65_536 }],
    ['a permission', { perm: 8 }],
    ['an unknown attribute', { attributes: '+color=red' }],
    ['an attribute without a sign', { attributes: 'message.type=FIFO' }],
    ['a value of an attribute', { attributes: '+message.type=RED' }],
  ])('%s that is not allowed is refused with INVALID_PARAMETER and nothing is made', async (_what, more) => {
    await withBroker(async fixture => {
      const header = topicSettings('T', more)
      const before = fixture.broker.services.topics.dataVersion
      await expect(fixture.ask(ask.updateAndCreateTopic, header)).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      expect(fixture.broker.services.topics.dataVersion).toEqual(before)
    })()
  })

  test(
    'all topics, whole and by pages; the system topics; who consumes',
    withBroker(async fixture => {
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
      const whole = await fixture.ask(ask.getAllTopicConfig, {})
      const names = [...whole.body!.topicConfigTable.keys()].sort()
      expect(whole.totalTopicNum).toBe(names.length)
      const paged: string[] = []
      for (let topicSeq = 0; topicSeq < names.length; topicSeq += 4) {
        const page = await fixture.ask(ask.getAllTopicConfig, { topicSeq, maxTopicNum: 4 })
        expect(page.totalTopicNum).toBe(names.length)
        paged.push(...page.body!.topicConfigTable.keys())
      }
      expect(paged).toEqual(names)
      const system = await fixture.ask(ask.getSystemTopicListFromBroker, {})
      expect(system.body!.topicList).toEqual(expect.arrayContaining(['TBW102', 'broker-a', 'SCHEDULE_TOPIC_XXXX']))
      expect(system.body!.topicList).not.toContain('T')
      await connectConsumer(fixture)
      await commit(fixture, 0, { consumerGroup: 'Past' })
      const who = await fixture.ask(ask.queryTopicConsumeByWho, { topic: 'T' })
      expect([...who.body!.groupList].sort()).toEqual(['CG', 'Past'])
      const what = await fixture.ask(ask.queryTopicsByConsumer, { group: 'Past' })
      expect(what.body!.topicList).toEqual(['T'])
      const how = await fixture.ask(ask.querySubscriptionByConsumer, { group: 'CG', topic: 'T' })
      expect(how.body).toMatchObject({ group: 'CG', topic: 'T', subscriptionData: { subString: '*' } })
    }),
  )

  test(
    'where its queues stand',
    withBroker(async fixture => {
      await fixture.ask(ask.updateAndCreateTopic, topicSettings('T'))
      const startMs = fixture.host.world.clock.now()
      for (let i = 0; i < 3; i++) {
        await fixture.send('T')
        await fixture.sim.sleep(1000)
      }
      const { body } = await fixture.ask(ask.getTopicStatsInfo, { topic: 'T' })
      const rows = [...body!.offsetTable].map(([{ queueId }, row]) => [queueId, row.minOffset, row.maxOffset])
      expect(rows).toEqual([
        [0, 0, 3],
        [1, 0, 0],
      ])
      await expect(fixture.ask(ask.getTopicStatsInfo, { topic: 'U' })).rejects.toMatchObject({
        status: 'TOPIC_NOT_EXIST',
      })
      const queue = { topic: 'T', queueId: 0 }
      expect(await fixture.ask(ask.getMinOffset, queue)).toMatchObject({ offset: 0 })
      expect(await fixture.ask(ask.getMaxOffset, { ...queue, committed: true })).toMatchObject({ offset: 3 })
      const { timestamp } = await fixture.ask(ask.getEarliestMsgStoretime, queue)
      expect(timestamp).toBeGreaterThanOrEqual(startMs)
      expect((await fixture.ask(ask.getEarliestMsgStoretime, { ...queue, queueId: 1 })).timestamp).toBe(-1)
      const at = (offset: number, boundaryType?: string) =>
        fixture
          .ask(ask.searchOffsetByTimestamp, { ...queue, timestamp: timestamp + offset, boundaryType } as never)
          .then(reply => reply.offset)
      expect(await at(0)).toBe(0)
      expect(await at(500)).toBe(1)
      expect(await at(500, 'UPPER')).toBe(0)
      expect(await at(60_000)).toBe(3)
    }),
  )
})

describe('groups', () => {
  test(
    'create, show, page, delete with and without offsets',
    withBroker(async fixture => {
      const { body: example } = await fixture.ask(ask.getSubscriptiongroupConfig, { group: 'TOOLS_CONSUMER' })
      await fixture.ask(ask.updateAndCreateSubscriptiongroup, {}, {
        body: { ...example, groupName: 'CG', retryMaxTimes: 3, consumeBroadcastEnable: false },
      } as never)
      const again = await fixture.restart('power')
      const shown = await again.ask(ask.getSubscriptiongroupConfig, { group: 'CG' })
      expect(shown.body).toMatchObject({ groupName: 'CG', retryMaxTimes: 3, consumeBroadcastEnable: false })
      const whole = await again.ask(ask.getAllSubscriptiongroupConfig, {})
      const names = [...whole.body!.subscriptionGroupTable.keys()].sort()
      const page = await again.ask(ask.getAllSubscriptiongroupConfig, { groupSeq: 1, maxGroupNum: 2 })
      expect([...page.body!.subscriptionGroupTable.keys()]).toEqual(names.slice(1, 3))
      await again.send('T')
      await commit(again, 1)
      await again.ask(ask.deleteSubscriptiongroup, { groupName: 'CG', cleanOffset: false })
      expect(again.broker.services.offsets.query('CG', 'T', 0)).toBe(1)
      await again.ask(ask.deleteSubscriptiongroup, { groupName: 'CG', cleanOffset: true })
      expect(again.broker.services.offsets.query('CG', 'T', 0)).toBeUndefined()
      await expect(again.ask(ask.getSubscriptiongroupConfig, { group: 'CG' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_GROUP_NOT_EXIST',
      })
      for (const groupName of ['no good!', ''])
        await expect(
          again.ask(ask.updateAndCreateSubscriptiongroup, {}, { body: { ...example, groupName } } as never),
        ).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
    }),
  )

  test(
    'who is connected, and who is not',
    withBroker(async fixture => {
      await expect(fixture.ask(ask.getConsumerListByGroup, { consumerGroup: 'CG' })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
      })
      await connectConsumer(fixture)
      expect((await fixture.ask(ask.getConsumerListByGroup, { consumerGroup: 'CG' })).body).toEqual({
        consumerIdList: ['consumer@1'],
      })
      const { body } = await fixture.ask(ask.getConsumerConnectionList, { consumerGroup: 'CG' })
      expect([...body!.connectionSet]).toMatchObject([{ clientId: 'consumer@1', language: 'NODE_JS' }])
      expect(body!.subscriptionTable.get('T')).toMatchObject({ subString: '*' })
      const producers = await fixture.ask(ask.getProducerConnectionList, { producerGroup: 'PG' })
      expect([...producers.body!.connectionSet]).toMatchObject([{ clientId: 'consumer@1' }])
      const all = await fixture.ask(ask.getAllProducerInfo, {})
      expect(all.body!.data.get('PG')).toMatchObject([{ clientId: 'consumer@1' }])
      // The group and its retry topic came with the heartbeat.
      expect(fixture.broker.services.groups.get('CG')).toBeDefined()
      expect(fixture.broker.services.topics.get('%RETRY%CG')).toMatchObject({ writeQueueNums: 1, perm: 6 })
      await fixture.ask(ask.unregisterClient, { clientID: 'consumer@1', producerGroup: 'PG', consumerGroup: 'CG' })
      await expect(fixture.ask(ask.getConsumerConnectionList, { consumerGroup: 'CG' })).rejects.toMatchObject({
        status: 'CONSUMER_NOT_ONLINE',
      })
      await expect(fixture.ask(ask.getProducerConnectionList, { producerGroup: 'PG' })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
      })
    }),
  )

  test(
    'a heartbeat registers its clients even when the disk is full',
    withBroker(async fixture => {
      fixture.host.disk.fail({ on: 'write', path: '/store/config', code: 'ENOSPC' })
      await connectConsumer(fixture)
      expect(fixture.broker.services.clients.clientIds('CG')).toEqual(['consumer@1'])
    }),
  )

  test(
    'a client that is gone before its heartbeat was handled is not registered',
    withBroker(async fixture => {
      const client = fixture.anotherClient('brief')
      const beat = connectConsumer(fixture, 'brief@1', client).catch((error: Error) => error.name)
      await fixture.sim.sleep(2.2)
      fixture.sim.network.cut('brief', 'broker')
      expect(await beat).toBe('TransportError')
      await fixture.sim.sleep(5000)
      expect(fixture.broker.services.clients.clientIds('CG')).toEqual([])
    }),
  )

  test(
    'members are told when another comes or goes, unless that is switched off',
    withBroker(async fixture => {
      const told: string[] = []
      const watcher = fixture.anotherClient('watcher')
      watcher.handle(clientRequests.notifyConsumerIdsChanged, ({ consumerGroup }) => {
        told.push(consumerGroup)
        return {}
      })
      await connectConsumer(fixture, 'watcher@1', watcher)
      await fixture.sim.sleep(50)
      told.length = 0
      const other = fixture.anotherClient('other')
      await connectConsumer(fixture, 'other@1', other)
      await fixture.sim.sleep(50)
      expect(told).toEqual(['CG'])
      await other.close()
      await fixture.sim.sleep(50)
      expect(told).toEqual(['CG', 'CG'])
      await fixture.ask(ask.updateBrokerConfig, {}, { body: 'notifyConsumerIdsChangedEnable=false\n' })
      await connectConsumer(fixture, 'third@1', fixture.anotherClient('third'))
      await fixture.sim.sleep(50)
      expect(told).toHaveLength(2)
    }),
  )

  test(
    'a subscription can be checked before it is used',
    withBroker(async fixture => {
      const check = (subString: string, expressionType: string) =>
        fixture.ask(ask.checkClientConfig, {}, {
          body: {
            clientId: 'c',
            group: 'CG',
            subscriptionData: {
              topic: 'T',
              subString,
              expressionType,
              tagsSet: [],
              codeSet: [],
              subVersion: 0,
              classFilterMode: false,
            },
          },
        } as never)
      await check('a || b', 'TAG')
      await expect(check('||', 'TAG')).rejects.toMatchObject({ status: 'SUBSCRIPTION_PARSE_FAILED' })
      await check('a > 1', 'SQL92')
      await expect(check('a >', 'SQL92')).rejects.toMatchObject({ status: 'SUBSCRIPTION_PARSE_FAILED' })
    }),
  )
})

describe('offsets', () => {
  test(
    'committed, asked for, copied, shown with the lag',
    withBroker(async fixture => {
      for (let i = 0; i < 5; i++) await fixture.send('T')
      const query = (consumerGroup: string, more: object = {}) =>
        fixture.ask(ask.queryConsumerOffset, { consumerGroup, topic: 'T', queueId: 0, ...more })
      // A new group on a young topic misses nothing; where the client says so, or the queue is not there, it decides.
      expect(await query('CG')).toMatchObject({ offset: 0 })
      expect(await query('CG', { setZeroIfNotFound: false })).toMatchObject({ status: 'QUERY_NOT_FOUND' })
      expect(await query('CG', { queueId: 3 })).toMatchObject({ status: 'QUERY_NOT_FOUND' })
      await commit(fixture, 2)
      expect(await query('CG')).toMatchObject({ offset: 2 })
      await expect(commit(fixture, -1)).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(commit(fixture, 1, { queueId: -1 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(commit(fixture, 1, { topic: 'Unknown' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      await expect(commit(fixture, 1, { consumerGroup: '!' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_GROUP_NOT_EXIST',
      })
      await fixture.ask(ask.cloneGroupOffset, { srcGroup: 'CG', destGroup: 'Copy', topic: 'T', offline: false })
      expect(await query('Copy')).toMatchObject({ offset: 2 })
      await expect(
        fixture.ask(ask.cloneGroupOffset, { srcGroup: 'CG', destGroup: 'Copy', topic: 'Unknown', offline: false }),
      ).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      const stats = await fixture.ask(ask.getConsumeStats, { consumerGroup: 'CG' })
      const rows = [...stats.body!.offsetTable].map(([{ queueId }, row]) => [
        queueId,
        row.consumerOffset,
        row.brokerOffset,
      ])
      expect(rows.slice(0, 2)).toEqual([
        [0, 2, 5],
        [1, 0, 0],
      ])
      const all = await fixture.ask(ask.getAllConsumerOffset, {})
      expect(all.body!.offsetTable.get('T@CG')!.get(0)).toBe(2)
    }),
  )

  test(
    'reset by time, to the end, to an offset; by time never forward without force; all queues or none',
    withBroker(async fixture => {
      const { clock } = fixture.host.world
      const times: number[] = []
      for (let i = 0; i < 5; i++) {
        times.push(clock.now())
        await fixture.send('T')
        await fixture.sim.sleep(1000)
      }
      await commit(fixture, 2)
      const reset = (more: object) =>
        fixture.ask(ask.invokeBrokerToResetOffset, { topic: 'T', group: 'CG', timestamp: -1, isForce: true, ...more })
      const { offsets } = fixture.broker.services
      await reset({ timestamp: times[4]! - 500, isForce: false })
      expect(offsets.query('CG', 'T', 0)).toBe(2)
      await reset({ timestamp: times[1]! - 500, isForce: false })
      expect(offsets.query('CG', 'T', 0)).toBe(1)
      const { body } = await reset({})
      expect([...body!.offsetTable].map(([{ queueId }, offset]) => [queueId, offset])).toEqual([
        [0, 5],
        [1, 0],
        [2, 0],
        [3, 0],
      ])
      await reset({ queueId: 0, offset: 3 })
      expect(offsets.query('CG', 'T', 0)).toBe(3)
      // Clients that name an offset cannot force (MQClientAPIImpl.java): past a message that nobody can consume they must come.
      await reset({ queueId: 0, offset: 4, isForce: false })
      expect(offsets.query('CG', 'T', 0)).toBe(4)
      await reset({ queueId: 0, offset: 3, isForce: false })
      expect(offsets.query('CG', 'T', 0)).toBe(3)
      await expect(reset({ queueId: 0, offset: 6 })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
      await expect(reset({ queueId: 9 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(reset({ topic: 'Unknown' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      await expect(reset({ group: 'Unknown' })).rejects.toMatchObject({ status: 'SUBSCRIPTION_GROUP_NOT_EXIST' })
      fixture.host.disk.fail({ on: 'write', path: '/store/config', code: 'ENOSPC' })
      await expect(reset({ queueId: 0, offset: 1 })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
      expect(offsets.query('CG', 'T', 0)).toBe(3)
    }),
  )
})

describe('messages', () => {
  test(
    'by offset and by key',
    withBroker(async fixture => {
      const sent = await fixture.send('T', {
        body: 'mine',
        properties: propertiesOf({ KEYS: 'k1 k2', UNIQ_KEY: 'U1' }),
      })
      for (let i = 0; i < 5; i++) await fixture.send('T', { properties: propertiesOf({ KEYS: 'k2' }) })
      const query = async (key: string, more: object = {}) => {
        const header = { topic: 'T', key, maxNum: 3, beginTimestamp: '0', endTimestamp: String(2 ** 50), ...more }
        const reply = await fixture.ask(ask.queryMessage, header as never)
        return reply.status === 'QUERY_NOT_FOUND' ? undefined : decodeRecords(Buffer.from(reply.body as Uint8Array))
      }
      expect((await query('k1'))!.map(({ body }) => body.toString())).toEqual(['mine'])
      expect(await query('k2')).toHaveLength(3)
      expect(await query('k2', { maxNum: 1000 })).toHaveLength(6)
      expect(await query('nothing')).toBeUndefined()
      const offset = Number.parseInt(sent.msgId.slice(16), 16)
      const seen = await fixture.ask(ask.viewMessageById, { offset })
      expect(decodeRecords(Buffer.from(seen.body as Uint8Array))[0]!.body.toString()).toBe('mine')
      for (const wrong of [offset + 1, 10 ** 9, -1])
        await expect(fixture.ask(ask.viewMessageById, { offset: wrong })).rejects.toMatchObject({
          status: 'SYSTEM_ERROR',
        })
    }),
  )

  test(
    'one consumer is asked how it is, and to consume a message again; one that is gone, silent or old is named',
    withBroker(async fixture => {
      const sent = await fixture.send('T', { body: 'again' })
      const question = { consumerGroup: 'CG', clientId: 'consumer@1' }
      const askHow = () => fixture.ask(ask.getConsumerRunningInfo, question, { timeoutMs: 30_000 })
      await expect(askHow()).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('not online'),
      })
      await connectConsumer(fixture)
      let silent = true
      const asked: string[] = []
      fixture.client.handle(clientRequests.getConsumerRunningInfo, () =>
        silent ? new Promise<never>(() => {}) : ({ body: Buffer.from('{"properties":{}}') } as never),
      )
      fixture.client.handle(clientRequests.consumeMessageDirectly, (_header, { body }) => {
        asked.push(decodeRecords(Buffer.from(body as Uint8Array))[0]!.body.toString())
        return { body: Buffer.from('{"order":false}') } as never
      })
      await expect(askHow()).rejects.toMatchObject({ status: 'CONSUME_MSG_TIMEOUT' })
      silent = false
      await askHow()
      await fixture.ask(ask.consumeMessageDirectly, { ...question, msgId: sent.msgId })
      expect(asked).toEqual(['again'])
      const nowhere = offsetMsgIds(Buffer.from([10, 0, 0, 1, 0, 0, 0, 1]))(10 ** 9)
      await expect(fixture.ask(ask.consumeMessageDirectly, { ...question, msgId: nowhere })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
      })
      const { services } = fixture.broker
      Object.assign(services.clients.findConsumer('CG', 'consumer@1')!, { version: 1 })
      await expect(askHow()).rejects.toMatchObject({ message: expect.stringContaining('too low') })
    }),
  )
})

describe('configuration', () => {
  test(
    'shown whole; live keys count at once, also in the store and in answers; all are kept for the next start',
    withBroker(async fixture => {
      const update = (body: string) => fixture.ask(ask.updateBrokerConfig, {}, { body })
      const text = async () => String((await fixture.ask(ask.getBrokerConfig, {})).body)
      expect(await text()).toContain('brokerName=broker-a\n')
      await update('fileReservedTime=7\ndeleteWhen=05\nmaxMessageSize=2000\nregionId=Mars\nflushDiskType=SYNC_FLUSH\n')
      const { store, config } = fixture.broker.services
      expect(store.config).toMatchObject({ fileReservedTime: 7, deleteWhen: [5], maxMessageSize: 2000 })
      expect(config.fileReservedTime).toBe(7)
      expect(await text()).toContain('fileReservedTime=7\n')
      await expect(fixture.send('T', { body: 'x'.repeat(2001) })).rejects.toMatchObject({ status: 'MESSAGE_ILLEGAL' })
      await update('maxMessageSize=90000\n')
      await fixture.send('T', { body: 'x'.repeat(90_000) })
      const { body } = await fixture.ask(ask.viewMessageById, {
        offset: Number.parseInt((await fixture.send('T')).msgId.slice(16), 16),
      })
      expect(decodeRecords(Buffer.from(body as Uint8Array))[0]!.properties.get('MSG_REGION')).toBe('Mars')
      const stored = Buffer.from(await fixture.host.world.disk.readFile('/broker.conf')).toString()
      expect(stored).toContain('fileReservedTime=7')
    }),
  )

  test(
    'all or nothing: an unknown key, a bad value, a forbidden key, a disk that refuses',
    withBroker(async fixture => {
      const update = (body: string) => fixture.ask(ask.updateBrokerConfig, {}, { body })
      const before = { ...fixture.broker.services.config }
      await expect(update('fileReservedTime=7\nnoSuchKey=1\n')).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(update('fileReservedTime=7\ndiskMaxUsedSpaceRatio=x\n')).rejects.toMatchObject({
        status: 'INVALID_PARAMETER',
      })
      await expect(update('fileReservedTime=7\nbrokerConfigPath=/etc/passwd\n')).rejects.toMatchObject({
        status: 'NO_PERMISSION',
      })
      fixture.host.disk.fail({ on: 'sync', path: '/broker.conf', code: 'EIO' })
      await expect(update('fileReservedTime=7\n')).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
      expect(fixture.broker.services.config).toEqual(before)
      expect(fixture.broker.services.store.config.fileReservedTime).toBe(before.fileReservedTime)
    }),
  )

  test(
    'a new permission gives the topics a new version: name servers take in nothing else',
    withBroker(async fixture => {
      const { topics } = fixture.broker.services
      const { counter } = topics.dataVersion
      await fixture.ask(ask.updateBrokerConfig, {}, { body: 'brokerPermission=4\n' })
      expect(topics.dataVersion.counter).toBe(counter + 1)
    }),
  )
})

test(
  'the runtime information has the keys that tools read',
  withBroker(async fixture => {
    for (let i = 0; i < 3; i++) await fixture.send('T')
    await fixture.sim.sleep(2500)
    const { table } = (await fixture.ask(ask.getBrokerRuntimeInfo, {})).body!
    expect(Object.fromEntries(table)).toMatchObject({
      msgPutTotalTodayNow: '3',
      putMessageTimesTotal: '3',
      brokerActive: 'true',
      commitLogMinOffset: '0',
      commitLogMaxOffset: String(fixture.broker.services.store.maxPhysicalOffset),
      dispatchBehindBytes: '0',
      writable: 'true',
    })
    expect(table.get('putTps')).toMatch(/^[0-9.]+ [0-9.]+ [0-9.]+$/)
    expect(table.get('brokerVersionDesc')).toMatch(/^V5_/)
  }),
)

test(
  'a request that nobody handles costs one row of metrics, not one for each code',
  withBroker(async fixture => {
    for (let code = 9000; code < 9050; code++)
      await expect(
        fixture.ask({ ...ask.getMaxOffset, code } as never, { topic: 'T', queueId: 0 } as never),
      ).rejects.toMatchObject({ status: 'REQUEST_CODE_NOT_SUPPORTED' })
    expect([...fixture.broker.services.stats.rpc.values()].filter(({ status }) => status === 3)).toHaveLength(1)
    expect(Object.values(handledRequests).every(({ code }) => code > 0)).toBe(true)
  }),
)
