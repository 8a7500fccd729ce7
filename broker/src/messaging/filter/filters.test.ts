import { describe, expect, test } from '@jest/globals'
import { brokerRequests, consumerFilter, decodeRecords, type HeaderOf } from '@rocketcluster/protocol'
import { type Fixture, propertiesOf, withBroker } from '../../testing/broker-fixture.ts'

const SUSPEND = 2
const SUBSCRIPTION = 4
const FILE = '/store/config/consumerFilter.json'

type PullHeader = HeaderOf<typeof brokerRequests.pullMessage>

/** A pull that brings its expression, as DefaultMQPullConsumer's do. */
function pull(fixture: Fixture, subscription: string, more: Partial<PullHeader> = {}) {
  return fixture.ask(
    brokerRequests.pullMessage,
    {
      consumerGroup: 'CG',
      topic: 'T',
      queueId: 0,
      queueOffset: 0,
      maxMsgNums: 32,
      sysFlag: SUBSCRIPTION,
      commitOffset: 0,
      suspendTimeoutMillis: 15_000,
      subscription,
      subVersion: 0,
      expressionType: 'SQL92',
      ...more,
    },
    { timeoutMs: 60_000 },
  )
}

/** A pull by what the group's heartbeat said, as DefaultMQPushConsumer's are. */
const pullKnown = (fixture: Fixture, subVersion: number, more: Partial<PullHeader> = {}) =>
  pull(fixture, '', { sysFlag: 0, subVersion, ...more })

const subscribes = (subString: string, subVersion: number, topic = 'T', expressionType = 'SQL92') => ({
  topic,
  subString,
  expressionType,
  subVersion,
  tagsSet: [],
  codeSet: [],
  classFilterMode: false,
})

function heartBeat(fixture: Fixture, ...subscriptionDataSet: ReturnType<typeof subscribes>[]) {
  return fixture.ask(
    brokerRequests.heartBeat,
    {},
    {
      body: {
        clientID: 'client-1',
        consumerDataSet: [
          {
            groupName: 'CG',
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
            subscriptionDataSet,
            unitMode: false,
          },
        ],
        producerDataSet: [],
        heartbeatFingerprint: 0,
        withoutSub: false,
      },
    },
  )
}

const check = (fixture: Fixture, subString: string, expressionType = 'SQL92') =>
  fixture.ask(
    brokerRequests.checkClientConfig,
    {},
    { body: { clientId: 'client-1', group: 'CG', subscriptionData: subscribes(subString, 1, 'T', expressionType) } },
  )

const send = (fixture: Fixture, properties: Record<string, string>, topic = 'T') =>
  fixture.send(topic, { body: JSON.stringify(properties), properties: propertiesOf(properties) })

const bodies = (reply: { body?: unknown }) =>
  decodeRecords(Buffer.from((reply.body as Uint8Array | undefined) ?? [])).map(({ body }) => JSON.parse(String(body)))

async function stored(fixture: Fixture) {
  const { disk } = fixture.host.world
  return (await disk.stat(FILE)) ? consumerFilter.decode(Buffer.from(await disk.readFile(FILE))) : undefined
}

describe('a pull', () => {
  test(
    'brings what the expression wants, by any property, tags and keys too',
    withBroker(async fixture => {
      for (const a of ['1', '5', 'x']) await send(fixture, { a, TAGS: `tag${a}`, KEYS: `k${a}` })
      await send(fixture, { b: '1' })
      const wanted = async (sql: string) => bodies(await pull(fixture, sql)).map(({ a = 'none' }) => a)
      expect(await wanted("a = '1' OR a = 'x'")).toEqual(['1', 'x'])
      expect(await wanted('a BETWEEN 2 AND 9')).toEqual(['5'])
      expect(await wanted('a IS NULL')).toEqual(['none'])
      expect(await wanted("TAGS = 'tag5' AND KEYS STARTSWITH 'k'")).toEqual(['5'])
      expect(await wanted('TRUE')).toEqual(['1', '5', 'x', 'none'])
    }),
  )

  test(
    'that finds nothing to its liking is told where to go on, with a bounded look',
    withBroker(
      async fixture => {
        await Promise.all(Array.from({ length: 250 }, (_, n) => send(fixture, { n: String(n) })))
        expect(await pull(fixture, 'n = 249', { maxMsgNums: 1 })).toMatchObject({
          status: 'PULL_RETRY_IMMEDIATELY',
          nextBeginOffset: 100,
        })
        // Three thousand operators for each message: fewer messages at a time.
        const long = `${'n = -1 OR '.repeat(3000)}n = 249`
        expect((await pull(fixture, long, { maxMsgNums: 1 })).nextBeginOffset).toBe(66)
        let [queueOffset, looks] = [0, 0]
        for (; ; looks++) {
          const reply = await pull(fixture, 'n = 249', { maxMsgNums: 1, queueOffset })
          queueOffset = reply.nextBeginOffset
          if (reply.status === 'SUCCESS') break
        }
        expect([looks, queueOffset]).toEqual([2, 250])
      },
      { maxFilterMessageSize: 100 * 20 },
    ),
  )

  test(
    'does not hold many large messages that it does not want',
    withBroker(async fixture => {
      for (let n = 0; n < 100; n++)
        await fixture.send('T', { body: 'x'.repeat(60_000), properties: propertiesOf({ n: String(n) }) })
      const looks = async (from: Fixture) => {
        const reply = await pull(from, 'n = 99', { maxMsgNums: 1 })
        expect(reply.status).toBe('PULL_RETRY_IMMEDIATELY')
        // 4 MiB of records.
        expect(reply.nextBeginOffset).toBe(70)
        expect((await pull(from, 'n = 99', { queueOffset: 70 })).status).toBe('SUCCESS')
      }
      await looks(fixture)
      // Now they come from the disk.
      const after = await fixture.restart('stop')
      await looks(after)
      await after.broker.stop()
    }),
  )

  test(
    'with an expression that is none is refused, and shown where',
    withBroker(async fixture => {
      await send(fixture, { a: '1' })
      await expect(pull(fixture, 'a > ')).rejects.toMatchObject({
        status: 'SUBSCRIPTION_PARSE_FAILED',
        message: expect.stringMatching(
          /^parse the consumer's subscription failed: Invalid MessageSelector\. found the end.*column 5: a > ▸/,
        ),
      })
      await expect(pull(fixture, 'a', { expressionType: 'XPATH' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_PARSE_FAILED',
        message: expect.stringContaining('filter type "XPATH" is unknown; allowed are TAG and SQL92'),
      })
    }),
  )
})

describe('a held pull', () => {
  test(
    'sleeps through messages that it does not want, and wakes for the first that it wants',
    withBroker(async fixture => {
      await send(fixture, { n: '0' })
      const startMs = fixture.sim.nowMs
      const waiting = pull(fixture, 'n = 5', { sysFlag: SUBSCRIPTION | SUSPEND, queueOffset: 1 })
      const { store } = fixture.broker.services
      for (let n = 1; n <= 5; n++) {
        await fixture.sim.sleep(1000)
        const before = store.stats.getCalls
        await send(fixture, { n: String(n) })
        await fixture.sim.sleep(1)
        // One look for each that arrives.
        expect(store.stats.getCalls - before).toBeLessThanOrEqual(1)
      }
      const reply = await waiting
      expect(bodies(reply)).toEqual([{ n: '5' }])
      expect(reply.nextBeginOffset).toBe(6)
      expect(fixture.sim.nowMs - startMs).toBeLessThan(5200)
    }),
  )

  test(
    'whose time is up has come past what was refused',
    withBroker(async fixture => {
      await send(fixture, { n: '0' })
      const waiting = pull(fixture, 'n = 5', { sysFlag: SUBSCRIPTION | SUSPEND, queueOffset: 1 })
      await fixture.sim.sleep(1000)
      await send(fixture, { n: '1' })
      await send(fixture, { n: '2' })
      expect(await waiting).toMatchObject({ status: 'PULL_NOT_FOUND', nextBeginOffset: 3 })
    }),
  )

  test(
    'gets what its consumer wants by now, also of what its old filter refused',
    withBroker(async fixture => {
      await send(fixture, { n: '0' })
      await heartBeat(fixture, subscribes('n = 5', 10))
      const waiting = pullKnown(fixture, 10, { sysFlag: SUSPEND, queueOffset: 1 })
      await fixture.sim.sleep(100)
      await send(fixture, { n: '1' })
      await fixture.sim.sleep(100)
      await heartBeat(fixture, subscribes('n = 1', 11))
      await send(fixture, { n: '2' })
      expect(bodies(await waiting)).toEqual([{ n: '1' }])
    }),
  )
})

describe('what heartbeats say', () => {
  test(
    'is what pulls of the group get, in its newest version',
    withBroker(async fixture => {
      for (const a of ['1', '2', '3']) await send(fixture, { a })
      await heartBeat(fixture, subscribes('a = 1', 10))
      expect(bodies(await pullKnown(fixture, 10))).toEqual([{ a: '1' }])
      await heartBeat(fixture, subscribes('a = 2', 9))
      expect(bodies(await pullKnown(fixture, 10))).toEqual([{ a: '1' }])
      await heartBeat(fixture, subscribes('a = 2', 11))
      expect(bodies(await pullKnown(fixture, 11))).toEqual([{ a: '2' }])
      await expect(pullKnown(fixture, 12)).rejects.toMatchObject({ status: 'SUBSCRIPTION_NOT_LATEST' })
    }),
  )

  test(
    'may be nothing: the pull says what is wrong with it, until it is mended',
    withBroker(async fixture => {
      await send(fixture, { a: '1' })
      await heartBeat(fixture, subscribes('a = 1', 10))
      await heartBeat(fixture, subscribes('a LIKE 1', 11))
      await expect(pullKnown(fixture, 11)).rejects.toMatchObject({
        status: 'FILTER_DATA_NOT_EXIST',
        message: expect.stringMatching(/^The broker's consumer filter data is not exist!.* found LIKE, .* column 3/),
      })
      await heartBeat(fixture, subscribes('a = 1', 12))
      expect((await pullKnown(fixture, 12)).status).toBe('SUCCESS')
    }),
  )

  test(
    'is on disk in Apache’s form within ten seconds, and dead when the last consumer has left',
    withBroker(
      async fixture => {
        await heartBeat(fixture, subscribes('a = 1', 10), subscribes('*', 10, 'U', 'TAG'))
        await fixture.sim.sleep(10_001)
        const { filterDataByTopic } = (await stored(fixture))!
        expect([...filterDataByTopic.keys()]).toEqual(['T'])
        const data = filterDataByTopic.get('T')!.groupFilterData.get('CG')!
        expect(data).toMatchObject({
          topic: 'T',
          consumerGroup: 'CG',
          expression: 'a = 1',
          expressionType: 'SQL92',
          clientVersion: 10,
          deadTime: 0,
          bloomFilterData: { bitNum: 112 },
        })
        expect(data.bornTime).toBeGreaterThan(0)
        await fixture.ask(brokerRequests.unregisterClient, { clientID: 'client-1', consumerGroup: 'CG' })
        await fixture.sim.sleep(10_001)
        const dead = (await stored(fixture))!.filterDataByTopic.get('T')!.groupFilterData.get('CG')!
        expect(dead.deadTime).toBeGreaterThan(dead.bornTime)
        await fixture.sim.sleep(60_000)
        expect((await stored(fixture))!.filterDataByTopic.size).toBe(0)
      },
      { filterDataCleanTimeSpan: 60_000 },
    ),
  )

  test(
    'no longer holds for a topic that the next heartbeat does not name',
    withBroker(async fixture => {
      await heartBeat(fixture, subscribes('a = 1', 10), subscribes('b = 1', 10, 'U'))
      await heartBeat(fixture, subscribes('a = 1', 10))
      const { filters } = fixture.broker.services
      expect(filters.get('T', 'CG')!.deadTime).toBe(0)
      expect(filters.get('U', 'CG')!.deadTime).toBeGreaterThan(0)
      await heartBeat(fixture, subscribes('a = 1', 10), subscribes('b = 1', 10, 'U'))
      expect(filters.get('U', 'CG')!.deadTime).toBe(0)
    }),
  )

  test(
    'of consumers that have left does not outvote those that come with an older clock',
    withBroker(async fixture => {
      for (const a of ['1', '2']) await send(fixture, { a })
      await heartBeat(fixture, subscribes('a = 1', 10))
      await fixture.ask(brokerRequests.unregisterClient, { clientID: 'client-1', consumerGroup: 'CG' })
      await heartBeat(fixture, subscribes('a = 2', 5))
      expect(bodies(await pullKnown(fixture, 5))).toEqual([{ a: '2' }])
    }),
  )
})

describe('after a restart', () => {
  test.each(['stop', 'kill', 'power'] as const)('by %s a consumer is served before its next heartbeat', how =>
    withBroker(
      async fixture => {
        for (const a of ['1', '2']) await send(fixture, { a })
        await heartBeat(fixture, subscribes('a = 2', 10))
        await fixture.sim.sleep(10_001)
        const after = await fixture.restart(how)
        await after.sim.sleep(1000)
        expect(bodies(await pullKnown(after, 10))).toEqual([{ a: '2' }])
        // By tags, or in a version that nobody has told us, it has to wait.
        await expect(pullKnown(after, 11)).rejects.toMatchObject({ status: 'SUBSCRIPTION_NOT_EXIST' })
        await expect(pullKnown(after, 10, { expressionType: 'TAG' })).rejects.toMatchObject({
          status: 'SUBSCRIPTION_NOT_EXIST',
        })
        expect(after.broker.services.filters.get('T', 'CG')!.deadTime).toBeGreaterThan(0)
        await heartBeat(after, subscribes('a = 2', 10))
        expect(after.broker.services.filters.get('T', 'CG')!.deadTime).toBe(0)
        await after.broker.stop()
      },
      { flushDiskType: 'SYNC_FLUSH' },
    )(),
  )

  test(
    'a file that cannot be read keeps nobody from starting',
    withBroker(async fixture => {
      await heartBeat(fixture, subscribes('a = 2', 10))
      await fixture.broker.stop()
      const file = await fixture.host.world.disk.open(FILE, 'create')
      await file.truncate(0)
      await file.write([Buffer.from('{"filterDataByTopic":[')], 0)
      await file.close()
      const after = await fixture.restart('stop')
      expect(after.broker.services.filters.get('T', 'CG')).toBeUndefined()
      await after.broker.stop()
    }),
  )
})

describe('CHECK_CLIENT_CONFIG', () => {
  test(
    'accepts what compiles and refuses the rest, with the place',
    withBroker(async fixture => {
      expect((await check(fixture, 'a > 5 AND b IS NOT NULL')).status).toBe('SUCCESS')
      expect((await check(fixture, '*', 'TAG')).status).toBe('SUCCESS')
      await expect(check(fixture, "a > 'five'")).rejects.toMatchObject({
        status: 'SUBSCRIPTION_PARSE_FAILED',
        message: expect.stringMatching(/^Invalid MessageSelector\. only numbers .*column 5: a > ▸'five'$/),
      })
    }),
  )
})

test(
  'with enablePropertyFilter off everybody is told so, and on again it works at once',
  withBroker(
    async fixture => {
      await send(fixture, { a: '1' })
      await heartBeat(fixture, subscribes('a = 1', 10))
      const refusal = {
        status: 'SYSTEM_ERROR',
        message: expect.stringContaining('The broker does not support consumer to filter message by SQL92'),
      }
      await expect(check(fixture, 'a = 1')).rejects.toMatchObject(refusal)
      await expect(pull(fixture, 'a = 1')).rejects.toMatchObject(refusal)
      await expect(pullKnown(fixture, 10)).rejects.toMatchObject(refusal)
      await fixture.broker.services.updateConfig('enablePropertyFilter=true')
      expect((await pullKnown(fixture, 10)).status).toBe('SUCCESS')
    },
    { enablePropertyFilter: false },
  ),
)

describe('a retry topic', () => {
  const RETRY = '%RETRY%CG'
  const retried = (fixture: Fixture, a: string, topic = 'T') => send(fixture, { a, RETRY_TOPIC: topic }, RETRY)

  test(
    'is read by its own subscription: everything, whatever the filter on the topic',
    withBroker(async fixture => {
      await heartBeat(fixture, subscribes('a = 1', 10), subscribes('*', 10, RETRY, 'TAG'))
      for (const a of ['1', '2']) await retried(fixture, a)
      const reply = await pullKnown(fixture, 10, { topic: RETRY, expressionType: 'TAG' })
      expect(bodies(reply).map(({ a }) => a)).toEqual(['1', '2'])
    }),
  )

  test(
    'with filterSupportRetry, and subscribed to by SQL92, is filtered as the topic that a message came from',
    withBroker(
      async fixture => {
        await heartBeat(fixture, subscribes('a = 1', 10), subscribes('TRUE', 10, RETRY))
        for (const a of ['1', '2']) await retried(fixture, a)
        await retried(fixture, '3', 'elsewhere')
        const reply = await pullKnown(fixture, 10, { topic: RETRY })
        expect(bodies(reply).map(({ a }) => a)).toEqual(['1', '3'])
      },
      { filterSupportRetry: true },
    ),
  )
})
