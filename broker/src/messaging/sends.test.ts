import { describe, expect, test } from '@jest/globals'
import { brokerRequests, decodeRecords, encodeBatch } from '@rocketcluster/protocol'
import { Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, refusal, startBroker, withBroker } from '../testing/broker-fixture.ts'

const create = (fixture: Fixture, topic: string, more: object = {}) =>
  fixture.ask(brokerRequests.updateAndCreateTopic, {
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

const batch = (...bodies: string[]) =>
  encodeBatch(bodies.map(body => ({ flag: 0, body: Buffer.from(body), properties: Buffer.alloc(0) }))).toString(
    'latin1',
  )

describe('what is accepted', () => {
  test(
    'the answer says where the message lies, and there it lies',
    withBroker(async fixture => {
      const first = await fixture.send('T', { body: 'one', properties: propertiesOf({ UNIQ_KEY: 'U1', TAGS: 'a' }) })
      const second = await fixture.send('T', { body: 'two' })
      expect(first).toMatchObject({ status: 'SUCCESS', queueId: 0, queueOffset: 0, transactionId: 'U1' })
      expect(second).toMatchObject({ status: 'SUCCESS', queueId: 0, queueOffset: 1 })
      expect(second.transactionId).toMatch(/^[0-9A-F]{32}$/)
      const { body } = await fixture.ask(brokerRequests.viewMessageById, {
        offset: Number.parseInt(second.msgId.slice(16), 16),
      })
      const [record] = decodeRecords(Buffer.from(body as Uint8Array))
      expect(record).toMatchObject({ topic: 'T', queueOffset: 1, queueId: 0 })
      expect(record!.body.toString()).toBe('two')
      expect(record!.properties.get('CLUSTER')).toBe('DefaultCluster')
    }),
  )

  test(
    'a negative queue id lets the broker pick one of the write queues',
    withBroker(async fixture => {
      await create(fixture, 'T', { readQueueNums: 8, writeQueueNums: 3 })
      const picked = new Set<number>()
      for (let i = 0; i < 40; i++) picked.add((await fixture.send('T', { queueId: -1 })).queueId)
      expect([...picked].sort()).toEqual([0, 1, 2])
    }),
  )

  test(
    'all messages of a batch, with one id each',
    withBroker(async fixture => {
      const { sendBatchMessage } = brokerRequests
      const header = {
        producerGroup: 'PG',
        topic: 'T',
        defaultTopic: 'TBW102',
        defaultTopicQueueNums: 4,
        queueId: 1,
        sysFlag: 0,
        bornTimestamp: 1,
        flag: 0,
        reconsumeTimes: 0,
        unitMode: false,
        batch: true,
      }
      const reply = await fixture.ask(sendBatchMessage, header, { body: Buffer.from(batch('a', 'b', 'c'), 'latin1') })
      expect(reply.msgId.split(',')).toHaveLength(3)
      expect(reply.queueOffset).toBe(0)
      expect(fixture.broker.services.store.maxOffset('T', 1)).toBe(3)
    }),
  )

  test(
    'a topic that comes into being inherits from the example, and is known after a power cut',
    withBroker(
      async fixture => {
        await fixture.send('New', { defaultTopicQueueNums: 3 })
        const again = await fixture.restart('power')
        expect(again.broker.services.topics.get('New')).toMatchObject({
          readQueueNums: 3,
          writeQueueNums: 3,
          perm: 6,
          order: false,
        })
        expect(again.broker.services.store.maxOffset('New', 0)).toBe(1)
      },
      { flushDiskType: 'SYNC_FLUSH' },
    ),
  )

  test(
    'many first sends at once make one topic, written once or twice',
    withBroker(async fixture => {
      const { topics } = fixture.broker.services
      const before = topics.dataVersion.counter
      const replies = await Promise.all(Array.from({ length: 50 }, () => fixture.send('New')))
      expect(new Set(replies.map(({ queueOffset }) => queueOffset)).size).toBe(50)
      expect(topics.dataVersion.counter).toBe(before + 1)
    }),
  )
})

describe('what is refused', () => {
  test.each<[what: string, status: string, remark: RegExp, send: Parameters<Fixture['send']>]>([
    ['a name that no topic may have', 'INVALID_PARAMETER', /no good!/, ['no good!']],
    ['a topic of the system', 'NO_PERMISSION', /SCHEDULE_TOPIC_XXXX/, ['SCHEDULE_TOPIC_XXXX']],
    ['half messages sent by hand', 'NO_PERMISSION', /forbidden/, ['RMQ_SYS_TRANS_HALF_TOPIC']],
    ['no example topic', 'TOPIC_NOT_EXIST', /Nothing does not exist/, ['T', { defaultTopic: 'Nothing' }]],
    ['an example that is none', 'TOPIC_NOT_EXIST', /may not be inherited/, ['T', { defaultTopic: 'BenchmarkTest' }]],
    ['a queue that is not there', 'INVALID_PARAMETER', /queueId\[4\].*queues 0 to 3/, ['Known', { queueId: 4 }]],
    ['a body above maxMessageSize', 'MESSAGE_ILLEGAL', /maxMessageSize 65536/, ['Known', { body: 'x'.repeat(65_537) }]],
    [
      'a moment too far ahead',
      'MESSAGE_ILLEGAL',
      /TIMER_DELAY_SEC.*300000/,
      ['Known', { properties: propertiesOf({ TIMER_DELAY_SEC: '300000' }) }],
    ],
    ['a half message by its flag only', 'MESSAGE_ILLEGAL', /TRAN_MSG/, ['Known', { sysFlag: 4 }]],
    ['a batch for a retry topic', 'MESSAGE_ILLEGAL', /retry/, ['%RETRY%G', { batch: true, body: batch('a') }]],
    ['a batch of nothing', 'MESSAGE_ILLEGAL', /without messages/, ['Known', { batch: true, body: '' }]],
    ['a batch that ends early', 'MESSAGE_ILLEGAL', /./, ['Known', { batch: true, body: batch('abc').slice(0, -2) }]],
  ])('%s: %s', async (_what, status, remark, [topic, more]) => {
    await withBroker(async fixture => {
      await fixture.send('Known', { defaultTopicQueueNums: 4 })
      const { store } = fixture.broker.services
      const before = store.maxPhysicalOffset
      const refused = await refusal(fixture.send(topic, more))
      expect(refused.status).toBe(status)
      expect(refused.remark).toMatch(remark)
      expect(store.maxPhysicalOffset).toBe(before)
    })()
  })

  test(
    'a topic without write permission, and an ordered one on a broker without',
    withBroker(async fixture => {
      await create(fixture, 'ReadOnly', { perm: 4 })
      await create(fixture, 'Ordered', { order: true })
      await create(fixture, 'Plain')
      expect(await refusal(fixture.send('ReadOnly'))).toMatchObject({ status: 'NO_PERMISSION' })
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'brokerPermission=4\n' })
      expect(await refusal(fixture.send('Ordered'))).toMatchObject({ status: 'NO_PERMISSION' })
      // Routes that clients hold would fail for half a minute otherwise: Apache takes these too.
      expect(await fixture.send('Plain')).toMatchObject({ status: 'SUCCESS' })
    }),
  )

  test(
    'everything before startAcceptSendRequestTimeStamp',
    withBroker(async fixture => {
      const openMs = fixture.host.world.clock.now() + 10_000
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: `startAcceptSendRequestTimeStamp=${openMs}\n` })
      expect(await refusal(fixture.send('T'))).toMatchObject({
        status: 'SYSTEM_ERROR',
        remark: expect.stringContaining('broker unable to service, until'),
      })
      await fixture.sim.sleep(11_000)
      expect(await fixture.send('T')).toMatchObject({ status: 'SUCCESS' })
    }),
  )

  test(
    'a new topic when autoCreateTopicEnable was switched off at run time',
    withBroker(async fixture => {
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'autoCreateTopicEnable=false\n' })
      expect(await refusal(fixture.send('T'))).toMatchObject({ status: 'TOPIC_NOT_EXIST' })
    }),
  )

  test(
    'more than may wait for the disk: SYSTEM_BUSY, and when the disk has it all is well again',
    withBroker(
      async fixture => {
        await fixture.send('T')
        const body = 'x'.repeat(60_000)
        const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => fixture.send('T', { body })))
        const busy = outcomes.filter(({ status }) => status === 'rejected')
        expect(busy.length).toBeGreaterThan(0)
        for (const outcome of busy)
          expect((outcome as PromiseRejectedResult).reason).toMatchObject({ status: 'SYSTEM_BUSY' })
        expect(await fixture.send('T', { body })).toMatchObject({ status: 'SUCCESS' })
      },
      { sendInFlightBytes: 1024 * 1024, flushDiskType: 'SYNC_FLUSH' },
    ),
  )
})

test('a disk that cannot store a new topic: an error, no topic, no new version; then it works', async () => {
  const sim = new Simulation(7)
  await sim.run(async () => {
    const fixture = await startBroker(sim)
    const { topics, store } = fixture.broker.services
    const version = topics.dataVersion
    const end = fixture.host.disk.fail({ on: 'write', path: '/store/config', code: 'ENOSPC' })
    const refused = await refusal(fixture.send('New'))
    expect(refused).toMatchObject({
      status: 'SYSTEM_ERROR',
      remark: expect.stringContaining('topic New cannot be stored'),
    })
    expect(topics.get('New')).toBeUndefined()
    expect(topics.dataVersion).toEqual(version)
    expect(store.maxOffset('New', 0)).toBe(0)
    end()
    expect(await fixture.send('New')).toMatchObject({ status: 'SUCCESS' })
    expect(topics.dataVersion.counter).toBeGreaterThan(version.counter)
  })
})

test(
  'the handle of a timed message that was refused is not another message’s',
  withBroker(async fixture => {
    const late = { TIMER_DELAY_SEC: '5', UNIQ_KEY: 'REFUSED' }
    await refusal(fixture.send('T', { body: 'x'.repeat(70_000), properties: propertiesOf(late) }))
    const half = { TRAN_MSG: 'true', PGROUP: 'PG', UNIQ_KEY: 'HALF' }
    const reply = await fixture.send('T', { sysFlag: 4, properties: propertiesOf(half) })
    expect(reply).toMatchObject({ status: 'SUCCESS', transactionId: 'HALF' })
    expect(reply.recallHandle).toBeUndefined()
  }),
)
