import { describe, expect, test } from '@jest/globals'
import {
  brokerRequests,
  type DecodedMessage,
  decodeRecord,
  decodeRecords,
  delayOffset,
  encodeBatch,
  javaHash,
  SCHEDULE_TOPIC,
} from '@rocketcluster/protocol'
import { Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, refusal, startBroker, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'

const delayed = (level: number | string, more: Record<string, string> = {}) => ({
  properties: propertiesOf({ DELAY: String(level), ...more }),
})

/** All messages of a queue. */
async function messages({ broker }: Fixture, topic: string, queueId = 0) {
  const { store } = broker.services
  const all: DecodedMessage[] = []
  for (let at = 0; at < store.maxOffset(topic, queueId); ) {
    const read = await readQueue(store, topic, queueId, at, 100)
    all.push(...read.messages)
    at = read.nextOffset
  }
  return all
}

async function bodies(fixture: Fixture, topic: string, queueId = 0): Promise<string[]> {
  return (await messages(fixture, topic, queueId)).map(({ body }) => body.toString())
}

const offsetOf = ({ msgId }: { msgId: string }) => Number.parseInt(msgId.slice(16), 16)

const storedProgress = async ({ host }: Fixture) =>
  Object.fromEntries(
    delayOffset.decode(Buffer.from(await host.world.disk.readFile('/store/config/delayOffset.json'))).offsetTable,
  )

describe('a delayed message', () => {
  test(
    'comes when its time has come, not before, and hardly after',
    withBroker(async fixture => {
      const { sim, broker } = fixture
      const sent = await fixture.send('T', {
        body: 'later',
        queueId: 2,
        flag: 7,
        ...delayed(2, { TAGS: 'a', KEYS: 'k1', UNIQ_KEY: 'U' }),
      })
      expect(sent).toMatchObject({ status: 'SUCCESS', queueId: 2, queueOffset: 0, transactionId: 'U' })
      const [waiting] = await messages(fixture, SCHEDULE_TOPIC, 1)
      expect(waiting).toMatchObject({ topic: SCHEDULE_TOPIC, queueId: 1 })
      await sim.sleep(4990)
      expect(await messages(fixture, 'T', 2)).toEqual([])
      await sim.sleep(60)
      const [delivered] = await messages(fixture, 'T', 2)
      expect(delivered).toMatchObject({ topic: 'T', queueId: 2, flag: 7, bornTimestamp: 1, reconsumeTimes: 0 })
      expect(delivered!.bornHost).toEqual(waiting!.bornHost)
      const lateMs = delivered!.storeTimestamp - waiting!.storeTimestamp - 5000
      expect(lateMs).toBeGreaterThanOrEqual(0)
      expect(lateMs).toBeLessThan(20)
      // Apache's broker keeps all of them too.
      expect(Object.fromEntries(delivered!.properties)).toMatchObject({
        DELAY: '2',
        REAL_TOPIC: 'T',
        REAL_QID: '2',
        TAGS: 'a',
        KEYS: 'k1',
        UNIQ_KEY: 'U',
      })
      const { store } = broker.services
      const found = await store.getMessage({
        topic: 'T',
        queueId: 2,
        queueOffset: 0,
        maxCount: 1,
        filter: { byEntry: tagsCode => tagsCode === javaHash('a') },
      })
      expect(found.status).toBe('FOUND')
      found.release()
      expect((await store.queryIndex('T', 'k1', 10, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).toEqual([
        delivered!.physicalOffset,
      ])
    }),
  )

  test(
    'wakes a held pull',
    withBroker(async fixture => {
      await fixture.send('T', { body: 'first' })
      await fixture.send('T', { body: 'later', ...delayed(1) })
      const startMs = fixture.sim.nowMs
      const reply = await fixture.ask(
        brokerRequests.pullMessage,
        {
          consumerGroup: 'CG',
          topic: 'T',
          queueId: 0,
          queueOffset: 1,
          maxMsgNums: 32,
          sysFlag: 6,
          commitOffset: 0,
          suspendTimeoutMillis: 15_000,
          subscription: '*',
          subVersion: 0,
          expressionType: 'TAG',
        },
        { timeoutMs: 60_000 },
      )
      expect(decodeRecords(Buffer.from(reply.body as unknown as Uint8Array)).map(m => m.body.toString())).toEqual([
        'later',
      ])
      expect(fixture.sim.nowMs - startMs).toBeLessThan(1050)
    }),
  )

  test(
    'of a level above the last waits as long as the last; 0 and below do not wait',
    withBroker(
      async fixture => {
        await fixture.send('T', { body: 'huge', ...delayed(2 ** 31 - 1) })
        await fixture.send('T', { body: 'zero', ...delayed(0) })
        await fixture.send('T', { body: 'negative', ...delayed(-3) })
        expect(await bodies(fixture, 'T')).toEqual(['zero', 'negative'])
        const [waiting] = await messages(fixture, SCHEDULE_TOPIC, 1)
        expect(waiting!.property('DELAY')).toBe('2')
        await fixture.sim.sleep(2100)
        expect(await bodies(fixture, 'T')).toEqual(['zero', 'negative', 'huge'])
      },
      { messageDelayLevel: [1000, 2000] },
    ),
  )

  test.each(['three', '', ' 1', '1.5', '9999999999'])('with the level %j', level =>
    withBroker(async fixture => {
      const sending = fixture.send('T', { properties: `DELAY\u0001${level}\u0002` })
      // Java's parser drops a pair without a value.
      if (level === '') return void (await sending)
      expect(await refusal(sending)).toEqual({
        status: 'SYSTEM_ERROR',
        remark: `property DELAY: ${JSON.stringify(level)} is not a delay level; allowed are whole numbers, 0 and below deliver at once`,
      })
    })(),
  )

  test(
    'wins over a moment that the message also names',
    withBroker(async fixture => {
      await fixture.send('T', delayed(1, { TIMER_DELAY_SEC: '60', TIMER_DELIVER_MS: '5', TIMER_DELAY_MS: '7' }))
      await fixture.sim.sleep(1100)
      const [delivered] = await messages(fixture, 'T')
      expect([...delivered!.properties.keys()].filter(name => name.startsWith('TIMER'))).toEqual([])
    }),
  )

  test(
    'is refused in a batch, in its properties and in those of its messages',
    withBroker(async fixture => {
      const properties = Buffer.from(propertiesOf({ DELAY: '3' }))
      const body = (of: Buffer) => encodeBatch([{ flag: 0, body: Buffer.from('x'), properties: of }])
      await fixture.send('T')
      for (const [given, more] of [
        [body(properties), {}],
        [body(Buffer.alloc(0)), delayed(3)],
      ] as const) {
        const answer = await refusal(fixture.send('T', { batch: true, body: given.toString('latin1'), ...more }))
        expect(answer).toMatchObject({ status: 'MESSAGE_ILLEGAL', remark: expect.stringMatching(/DELAY/) })
      }
    }),
  )

  test(
    'keeps its place among those of its level',
    withBroker(
      async fixture => {
        await Promise.all(Array.from({ length: 300 }, (_, i) => fixture.send('T', { body: `${i}`, ...delayed(1) })))
        const order = await bodies(fixture, SCHEDULE_TOPIC)
        await fixture.sim.sleep(1200)
        const arrived = await bodies(fixture, 'T')
        expect(arrived).toEqual(order)
        expect(arrived).toHaveLength(300)
      },
      { maxTransferCountOnMessageInMemory: 100 },
    ),
  )

  test(
    'goes to a topic that has been deleted meanwhile, for the day when it is made again',
    withBroker(async fixture => {
      await fixture.send('T', { body: 'later', ...delayed(2) })
      await fixture.ask(brokerRequests.deleteTopicInBroker, { topic: 'T' })
      await fixture.send('Other', { body: 'behind', ...delayed(2) })
      await fixture.sim.sleep(5100)
      expect(await bodies(fixture, 'Other')).toEqual(['behind'])
      expect(fixture.broker.services.topics.get('T')).toBeUndefined()
      expect(await bodies(fixture, 'T')).toEqual(['later'])
    }),
  )
})

describe('progress', () => {
  test(
    'is saved regularly and at the stop, as Apache writes it',
    withBroker(async fixture => {
      for (const level of [1, 1, 2]) await fixture.send('T', delayed(level))
      await fixture.sim.sleep(4000)
      expect(await storedProgress(fixture)).toEqual({ 1: 2, 2: 0 })
      await fixture.sim.sleep(1100)
      const again = await fixture.restart('stop')
      expect(await storedProgress(again)).toEqual({ 1: 2, 2: 1 })
      await again.sim.sleep(10_000)
      expect(await bodies(again, 'T')).toHaveLength(3)
    }),
  )

  test.each(['kill', 'power', 'stop'] as const)('%s: what waits is delivered when its time has come', how =>
    withBroker(
      async fixture => {
        await fixture.send('T', { body: 'soon', ...delayed(1) })
        await fixture.send('T', { body: 'later', ...delayed(4) })
        await fixture.sim.sleep(1500)
        const again = await fixture.restart(how)
        await again.sim.sleep(25_000)
        expect(new Set(await bodies(again, 'T'))).toEqual(new Set(['soon']))
        await again.sim.sleep(5000)
        expect(new Set(await bodies(again, 'T'))).toEqual(new Set(['soon', 'later']))
      },
      { flushDiskType: 'SYNC_FLUSH' },
    )(),
  )

  test(
    'a crash makes messages come twice for no longer than the progress was not saved',
    withBroker(async fixture => {
      for (let i = 0; i < 100; i++) {
        await fixture.send('T', { body: `${i}`, ...delayed(1) })
        await fixture.sim.sleep(100)
      }
      const again = await fixture.restart('kill')
      await again.sim.sleep(5000)
      const arrived = await bodies(again, 'T')
      expect(new Set(arrived).size).toBe(100)
      // Two periods of flushDelayOffsetInterval, and one of flushIntervalCommitLog.
      expect(arrived.length - 100).toBeLessThanOrEqual(26)
    }),
  )

  test(
    'is never ahead of the disk: a power cut that takes the delivered message takes the progress too',
    withBroker(
      async fixture => {
        const { sim } = fixture
        await fixture.send('T', { body: 'later', ...delayed(1) })
        await fixture.broker.services.store.flush()
        await sim.sleep(30_000)
        expect(await bodies(fixture, 'T')).toEqual(['later'])
        expect(await storedProgress(fixture)).toEqual({ 1: 0 })
        const again = await fixture.restart('power')
        await sim.sleep(3000)
        expect(new Set(await bodies(again, 'T'))).toEqual(new Set(['later']))
      },
      { flushIntervalCommitLog: 3_600_000, flushIntervalConsumeQueue: 3_600_000 },
    ),
  )

  test(
    'a broken file is replaced by its .bak; both broken keep the broker from starting',
    withBroker(async fixture => {
      for (let i = 0; i < 3; i++) {
        await fixture.send('T', delayed(1))
        await fixture.sim.sleep(3500)
      }
      await fixture.broker.stop()
      const tear = async (name: string, bytes: string) => {
        const file = await fixture.host.world.disk.open(`/store/config/${name}`, 'create')
        await file.truncate(0)
        await file.write([Buffer.from(bytes)], 0)
        await file.sync()
        await file.close()
      }
      await tear('delayOffset.json', '{"dataVersion":{"counter":1},"offsetTable":{1:')
      const again = await fixture.restart('kill')
      await again.sim.sleep(2000)
      const count = (await bodies(again, 'T')).length
      expect(count).toBeGreaterThanOrEqual(3)
      expect(count).toBeLessThanOrEqual(4)
      await again.broker.stop()
      await tear('delayOffset.json', '{"offsetTable":{1:-7}}')
      await tear('delayOffset.json.bak', '')
      await expect(again.restart('kill')).rejects.toThrow(/delayOffset.json and its .bak are unreadable/)
    }),
  )

  test(
    'that lies outside of the queue is corrected',
    withBroker(async fixture => {
      await fixture.send('T', { body: 'a', ...delayed(1) })
      await fixture.sim.sleep(1500)
      await fixture.broker.stop()
      const { disk } = fixture.host.world
      const file = await disk.open('/store/config/delayOffset.json', 'create')
      await file.truncate(0)
      await file.write([Buffer.from('{"offsetTable":{1:500}}')], 0)
      await file.close()
      const again = await fixture.restart('kill')
      await again.send('T', { body: 'b', ...delayed(1) })
      await again.sim.sleep(1500)
      expect(await bodies(again, 'T')).toEqual(['a', 'b'])
    }),
  )

  test(
    'is told to slaves and to tools',
    withBroker(async fixture => {
      const asked = () => fixture.ask(brokerRequests.getAllDelayOffset, {})
      expect((await asked()).body).toMatchObject({ offsetTable: new Map() })
      await fixture.send('T', delayed(1))
      await fixture.send('T', delayed(3))
      await fixture.sim.sleep(1500)
      expect((await asked()).body).toMatchObject({
        offsetTable: new Map([
          [1, 1],
          [3, 0],
        ]),
      })
      const { body } = await fixture.ask(brokerRequests.getBrokerRuntimeInfo, {})
      expect((body as { table: Map<string, string> }).table.get('scheduleMessageOffset_1')).toBe('1,1')
      expect((body as { table: Map<string, string> }).table.get('scheduleMessageOffset_3')).toBe('0,1')
    }),
  )
})

describe('when the disk refuses', () => {
  test(
    'what is due waits for the disk; nothing is skipped, nothing comes twice',
    withBroker(async fixture => {
      const { sim, host } = fixture
      for (let i = 0; i < 20; i++) await fixture.send('T', { body: `${i}`, ...delayed(1) })
      const heal = host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
      await sim.sleep(30_000)
      expect(await bodies(fixture, 'T')).toEqual([])
      heal()
      await sim.sleep(30_000)
      expect(await bodies(fixture, 'T')).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    }),
  )

  test(
    'progress that cannot be saved is saved later',
    withBroker(async fixture => {
      const heal = fixture.host.disk.fail({ on: 'write', path: '/store/config/delayOffset', code: 'EIO' })
      await fixture.send('T', delayed(1))
      await fixture.sim.sleep(5000)
      heal()
      await fixture.sim.sleep(3000)
      expect(await storedProgress(fixture)).toEqual({ 1: 1 })
    }),
  )
})

describe('when levels and clocks change', () => {
  const change = (fixture: Fixture, text: string) =>
    fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: Buffer.from(text) as never })

  test(
    'a new messageDelayLevel counts at once',
    withBroker(async fixture => {
      const { sim } = fixture
      await fixture.send('T', { body: 'old', ...delayed(15) })
      await change(fixture, 'messageDelayLevel=1s 2s 3s')
      await fixture.send('T', { body: 'new', ...delayed(15) })
      await sim.sleep(2900)
      expect(await bodies(fixture, 'T')).toEqual([])
      await sim.sleep(200)
      expect(await bodies(fixture, 'T')).toEqual(['new'])
      // The level is gone from the configuration, its message is not lost.
      await sim.sleep(20 * 60_000)
      expect(await bodies(fixture, 'T')).toEqual(['new', 'old'])
    }),
  )

  test(
    'a level made shorter: who waits already, waits for the new time from then on at most',
    withBroker(
      async fixture => {
        await fixture.send('T', { body: 'old', ...delayed(1) })
        await change(fixture, 'messageDelayLevel=5s')
        await fixture.sim.sleep(4900)
        expect(await bodies(fixture, 'T')).toEqual([])
        await fixture.sim.sleep(1200)
        expect(await bodies(fixture, 'T')).toEqual(['old'])
      },
      { messageDelayLevel: [3_600_000] },
    ),
  )

  test(
    'a clock put back by an hour delays what waits by its delay, not by an hour, and never makes it early',
    withBroker(async fixture => {
      const { sim, host } = fixture
      for (let i = 0; i < 200; i++) await fixture.send('T', { body: `${i}`, ...delayed(2) })
      host.jumpClock(-3_600_000)
      await fixture.send('T', { body: 'new', ...delayed(2) })
      await sim.sleep(4500)
      expect(await bodies(fixture, 'T')).toEqual([])
      await sim.sleep(1700)
      expect((await bodies(fixture, 'T')).slice(0, 200)).toHaveLength(200)
      await sim.sleep(2000)
      expect(await bodies(fixture, 'T')).toHaveLength(201)
    }),
  )

  test(
    'a clock put forward makes what is due by it come within a second',
    withBroker(async fixture => {
      await fixture.send('T', delayed(5))
      await fixture.sim.sleep(2000)
      fixture.host.jumpClock(60_000)
      await fixture.sim.sleep(1100)
      expect(await bodies(fixture, 'T')).toHaveLength(1)
    }),
  )
})

test('what cannot be delivered to anybody is left out, and those behind it come', async () => {
  const sim = new Simulation(1, { onLog: line => lines.push(line.message) })
  const lines: string[] = []
  await sim.run(async () => {
    const fixture = await startBroker(sim)
    const { puts, store } = fixture.broker.services
    const sent = await fixture.send('T', delayed(1))
    const record = await store.readRecord(offsetOf(sent))
    const { storedBody } = decodeRecord(record!)
    const common = {
      topic: SCHEDULE_TOPIC,
      queueId: 0,
      flag: 0,
      sysFlag: 0,
      bornTimestamp: 0,
      bornHost: Buffer.from([127, 0, 0, 1, 0, 0, 0, 1]),
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      body: storedBody,
    }
    for (const properties of [
      new Map(),
      new Map([['REAL_TOPIC', 'T']]),
      new Map([
        ['REAL_TOPIC', 'T'],
        ['REAL_QID', 'x'],
      ]),
      new Map([
        ['REAL_TOPIC', 'RMQ_SYS_TRANS_HALF_TOPIC'],
        ['REAL_QID', '0'],
      ]),
    ])
      await puts.put({ ...common, properties })
    await fixture.send('T', { body: 'last', ...delayed(1) })
    await fixture.sim.sleep(2000)
    expect(await bodies(fixture, 'T')).toEqual(['hello', 'last'])
    expect(lines.filter(line => /cannot be delivered/.test(line))).toHaveLength(4)
    // Ten thousand idle seconds cost nothing: nothing waits, nobody looks.
    expect(await messages(fixture, 'RMQ_SYS_TRANS_HALF_TOPIC')).toEqual([])
  })
})

test('a commit log file that has expired stays while a delayed message in it waits', async () => {
  const sim = new Simulation(9)
  await sim.run(
    async () => {
      const fixture = await startBroker(sim, { fileReservedTime: 1, messageDelayLevel: '1s 3h' })
      const { store } = fixture.broker.services
      await fixture.send('T', { body: 'waits', ...delayed(2) })
      for (let i = 0; i < 30; i++) await fixture.send('Other', { body: 'x'.repeat(30_000) })
      fixture.host.jumpClock(2 * 3_600_000)
      await sim.sleep(5000)
      await store.deleteExpiredFiles()
      expect(store.minPhysicalOffset).toBe(0)
      fixture.host.jumpClock(3_600_000)
      await sim.sleep(70_000)
      expect(await bodies(fixture, 'T')).toEqual(['waits'])
      await store.deleteExpiredFiles()
      expect(store.minPhysicalOffset).toBeGreaterThan(0)
    },
    { maxVirtualMs: 4 * 3_600_000 },
  )
})

test(
  'a maxMessageSize that was lowered holds up no level',
  withBroker(async fixture => {
    await fixture.send('T', { ...delayed(1), body: 'large'.repeat(1000) })
    await fixture.send('T', { ...delayed(1), body: 'small' })
    await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'maxMessageSize=1000\n' })
    await fixture.sim.sleep(3000)
    expect(fixture.broker.services.store.maxOffset('T', 0)).toBe(2)
  }),
)
