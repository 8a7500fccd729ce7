import { describe, expect, test } from '@jest/globals'
import { brokerRequests, decodeRecords, type HeaderOf, javaHash } from '@rocketcluster/protocol'
import { type Fixture, propertiesOf, withBroker } from '../testing/broker-fixture.ts'

const COMMIT = 1
const SUSPEND = 2
const SUBSCRIPTION = 4

type PullHeader = HeaderOf<typeof brokerRequests.pullMessage>

function pull(fixture: Fixture, more: Partial<PullHeader> = {}, client = fixture.client) {
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
      suspendTimeoutMillis: 0,
      subscription: '*',
      subVersion: 0,
      expressionType: 'TAG',
      ...more,
    },
    { timeoutMs: 60_000, client },
  )
}

const held = (fixture: Fixture, more: Partial<PullHeader> = {}, client = fixture.client) =>
  pull(fixture, { sysFlag: SUBSCRIPTION | SUSPEND, suspendTimeoutMillis: 15_000, ...more }, client)

const bodies = (reply: { body?: unknown }) =>
  decodeRecords(Buffer.from((reply.body as Uint8Array | undefined) ?? [])).map(({ body }) => body.toString())

const tagged = (tag: string) => ({ properties: propertiesOf({ TAGS: tag }) })

async function elapsed<T>(fixture: Fixture, run: Promise<T>): Promise<[T, number]> {
  const startMs = fixture.sim.nowMs
  return [await run, fixture.sim.nowMs - startMs]
}

describe('what is found', () => {
  test(
    'messages from an offset on, as many as asked for, and where to go on',
    withBroker(async fixture => {
      for (const body of ['a', 'b', 'c', 'd']) await fixture.send('T', { body })
      const first = await pull(fixture, { maxMsgNums: 3 })
      expect(first).toMatchObject({
        status: 'SUCCESS',
        nextBeginOffset: 3,
        minOffset: 0,
        maxOffset: 4,
        suggestWhichBrokerId: 0,
      })
      expect(bodies(first)).toEqual(['a', 'b', 'c'])
      expect(bodies(await pull(fixture, { queueOffset: 3 }))).toEqual(['d'])
    }),
  )

  test(
    'only what the subscription names; what it does not is passed over',
    withBroker(async fixture => {
      for (const tag of ['x', 'y', 'x', 'z']) await fixture.send('T', { body: tag, ...tagged(tag) })
      const reply = await pull(fixture, { subscription: 'x || z' })
      expect(bodies(reply)).toEqual(['x', 'x', 'z'])
      expect(reply.nextBeginOffset).toBe(4)
      expect(await pull(fixture, { subscription: 'nothing' })).toMatchObject({
        status: 'PULL_RETRY_IMMEDIATELY',
        nextBeginOffset: 4,
      })
    }),
  )
})

describe('where nothing is', () => {
  test(
    'at the end, beyond it, before the beginning',
    withBroker(async fixture => {
      for (const body of ['a', 'b']) await fixture.send('T', { body })
      expect(await pull(fixture, { queueOffset: 2 })).toMatchObject({ status: 'PULL_NOT_FOUND', nextBeginOffset: 2 })
      expect(await pull(fixture, { queueOffset: 9 })).toMatchObject({ status: 'PULL_OFFSET_MOVED', nextBeginOffset: 2 })
      expect(await pull(fixture, { queueId: 1 })).toMatchObject({ status: 'PULL_NOT_FOUND', nextBeginOffset: 0 })
      expect(await pull(fixture, { queueId: 1, queueOffset: 5 })).toMatchObject({
        status: 'PULL_OFFSET_MOVED',
        nextBeginOffset: 0,
      })
    }),
  )

  test(
    'a queue that the topic does not have any more is refused, and what lies in it is still there when it comes back',
    withBroker(async fixture => {
      await fixture.send('T', { queueId: 3, body: 'kept' })
      const { topics } = fixture.broker.services
      await topics.put({ ...topics.get('T')!, readQueueNums: 2, writeQueueNums: 2 })
      await expect(pull(fixture, { queueId: 3 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await topics.put({ ...topics.get('T')!, readQueueNums: 4 })
      expect(bodies(await pull(fixture, { queueId: 3 }))).toEqual(['kept'])
    }),
  )

  test(
    'after retention: from the oldest that is kept on',
    withBroker(
      async fixture => {
        const body = 'x'.repeat(20_000)
        for (let i = 0; i < 40; i++) await fixture.send('T', { body })
        // Files that the checkpoint does not vouch for yet stay.
        await fixture.sim.sleep(3000)
        fixture.host.jumpClock(3 * 3_600_000)
        await fixture.ask(brokerRequests.deleteExpiredCommitlog, {})
        const { store } = fixture.broker.services
        const minOffset = store.minOffset('T', 0)
        expect(minOffset).toBeGreaterThan(0)
        expect(await pull(fixture)).toMatchObject({
          status: 'PULL_OFFSET_MOVED',
          nextBeginOffset: minOffset,
          minOffset,
          maxOffset: 40,
        })
        expect(await pull(fixture, { queueOffset: minOffset })).toMatchObject({ status: 'SUCCESS' })
      },
      { fileReservedTime: 1 },
    ),
  )
})

describe('who may not', () => {
  test(
    'each refusal has its code',
    withBroker(async fixture => {
      await fixture.send('T')
      const { topics, groups } = fixture.broker.services
      await expect(pull(fixture, { topic: 'Unknown' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      await expect(pull(fixture, { queueId: 4 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(pull(fixture, { queueId: -1 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
      await expect(pull(fixture, { sysFlag: 0 })).rejects.toMatchObject({ status: 'SUBSCRIPTION_NOT_EXIST' })
      await expect(pull(fixture, { subscription: ' || ' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_PARSE_FAILED',
      })
      await expect(pull(fixture, { expressionType: 'SQL92', subscription: 'a >' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_PARSE_FAILED',
        message: expect.stringContaining('Invalid MessageSelector. found the end'),
      })
      await expect(pull(fixture, { consumerGroup: 'not a group!' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_GROUP_NOT_EXIST',
      })
      await groups.put({ ...groups.get('CG')!, consumeEnable: false })
      await expect(pull(fixture)).rejects.toMatchObject({ status: 'NO_PERMISSION' })
      await groups.put({ ...groups.get('CG')!, consumeEnable: true })
      await topics.put({ ...topics.get('T')!, perm: 2 })
      await expect(pull(fixture)).rejects.toMatchObject({ status: 'NO_PERMISSION' })
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'brokerPermission=2\n' })
      await expect(pull(fixture)).rejects.toMatchObject({ status: 'NO_PERMISSION' })
    }),
  )

  test(
    'groups do not make themselves when autoCreateSubscriptionGroup was switched off at run time, but system groups do',
    withBroker(async fixture => {
      await fixture.send('T')
      await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'autoCreateSubscriptionGroup=false\n' })
      await expect(pull(fixture, { consumerGroup: 'Other' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_GROUP_NOT_EXIST',
      })
      expect(await pull(fixture, { consumerGroup: 'CID_RMQ_SYS_x' })).toMatchObject({ status: 'SUCCESS' })
    }),
  )

  test(
    'a subscription from heartbeats: missing, too old, and used',
    withBroker(async fixture => {
      for (const tag of ['x', 'y']) await fixture.send('T', { body: tag, ...tagged(tag) })
      const heartbeat = (subVersion: number, messageModel = 'CLUSTERING') =>
        fixture.ask(
          brokerRequests.heartBeat,
          {},
          {
            body: {
              clientID: 'c1',
              producerDataSet: [],
              consumerDataSet: [
                {
                  groupName: 'CG',
                  consumeType: 'CONSUME_PASSIVELY',
                  messageModel,
                  consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
                  subscriptionDataSet: [
                    {
                      topic: 'T',
                      subString: 'y',
                      tagsSet: ['y'],
                      codeSet: [javaHash('y')],
                      subVersion,
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
      await heartbeat(5)
      expect(bodies(await pull(fixture, { sysFlag: 0, subVersion: 5 }))).toEqual(['y'])
      // A newer one than we know: everything, for the consumer to choose from; an SQL expression it could not evaluate.
      expect(bodies(await pull(fixture, { sysFlag: 0, subVersion: 6 }))).toEqual(['x', 'y'])
      await expect(pull(fixture, { sysFlag: 0, subVersion: 6, expressionType: 'SQL92' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_NOT_LATEST',
      })
      await expect(pull(fixture, { sysFlag: 0, topic: 'TBW102' })).rejects.toMatchObject({
        status: 'SUBSCRIPTION_NOT_EXIST',
      })
      const { groups } = fixture.broker.services
      await groups.put({ ...groups.get('CG')!, consumeBroadcastEnable: false })
      await heartbeat(6, 'BROADCASTING')
      await expect(pull(fixture, { sysFlag: 0, subVersion: 6 })).rejects.toMatchObject({ status: 'NO_PERMISSION' })
    }),
  )
})

describe('long polling', () => {
  test(
    'a message that comes is delivered at once',
    withBroker(async fixture => {
      await fixture.send('T')
      const waiting = elapsed(fixture, held(fixture, { queueOffset: 1 }))
      await fixture.sim.sleep(3000)
      expect(fixture.broker.services.heldPulls.size).toBe(1)
      await fixture.send('T', { body: 'news' })
      const [reply, tookMs] = await waiting
      expect(bodies(reply)).toEqual(['news'])
      expect(tookMs).toBeLessThan(3030)
      await held(fixture, { queueOffset: 0 })
      const pulls = [...fixture.broker.services.stats.rpc.values()].filter(
        ({ code }) => code === brokerRequests.pullMessage.code,
      )
      expect(pulls.map(({ longPolling, latency }) => [longPolling, latency.count])).toEqual([
        [true, 1],
        [false, 1],
      ])
      expect(fixture.broker.services.heldPulls.size).toBe(0)
    }),
  )

  test(
    'messages of other queues and other tags wake nobody',
    withBroker(async fixture => {
      await fixture.send('T')
      const waiting = elapsed(fixture, held(fixture, { queueOffset: 1, subscription: 'x' }))
      await fixture.sim.sleep(1000)
      await fixture.send('T', tagged('y'))
      await fixture.send('T', { queueId: 1, ...tagged('x') })
      await fixture.sim.sleep(1000)
      expect(fixture.broker.services.heldPulls.size).toBe(1)
      await fixture.send('T', { body: 'mine', ...tagged('x') })
      const [reply, tookMs] = await waiting
      expect(bodies(reply)).toEqual(['mine'])
      expect(tookMs).toBeLessThan(2100)
    }),
  )

  test(
    'when the time is up: PULL_NOT_FOUND; without SUSPEND, or with no time, at once',
    withBroker(async fixture => {
      await fixture.send('T')
      const [late, tookMs] = await elapsed(fixture, held(fixture, { queueOffset: 1, suspendTimeoutMillis: 2000 }))
      expect(late).toMatchObject({ status: 'PULL_NOT_FOUND', nextBeginOffset: 1 })
      expect(tookMs).toBeGreaterThanOrEqual(1990)
      expect(tookMs).toBeLessThan(2200)
      const [, noTimeMs] = await elapsed(fixture, held(fixture, { queueOffset: 1, suspendTimeoutMillis: 0 }))
      expect(noTimeMs).toBeLessThan(50)
    }),
  )

  test(
    'longPollingEnable=false waits shortPollingTimeMills',
    withBroker(
      async fixture => {
        await fixture.send('T')
        const [, tookMs] = await elapsed(fixture, held(fixture, { queueOffset: 1 }))
        expect(tookMs).toBeGreaterThanOrEqual(290)
        expect(tookMs).toBeLessThan(450)
      },
      { longPollingEnable: false, shortPollingTimeMills: 300 },
    ),
  )

  test(
    'a closed connection leaves nothing behind, and nobody else is woken',
    withBroker(async fixture => {
      await fixture.send('T')
      const other = fixture.anotherClient('other')
      const mine = held(fixture, { queueOffset: 1 })
      const theirs = held(fixture, { queueOffset: 1 }, other).catch((error: Error) => error.name)
      // The fast port numbers its connections like the main port: closing one must not concern the other's.
      const fast = fixture.anotherClient('fast')
      await fixture.ask(brokerRequests.getMaxOffset, { topic: 'T', queueId: 0 }, { client: fast, port: 10_909 })
      await fixture.sim.sleep(500)
      expect(fixture.broker.services.heldPulls.size).toBe(2)
      await fast.close()
      await fixture.sim.sleep(100)
      expect(fixture.broker.services.heldPulls.size).toBe(2)
      await other.close()
      await fixture.sim.sleep(100)
      expect(fixture.broker.services.heldPulls.size).toBe(1)
      expect(await theirs).toBe('TransportError')
      await fixture.send('T', { body: 'news' })
      expect(bodies(await mine)).toEqual(['news'])
    }),
  )

  test(
    'a broker that stops answers them',
    withBroker(async fixture => {
      await fixture.send('T')
      const waiting = held(fixture, { queueOffset: 1 })
      await fixture.sim.sleep(200)
      await Promise.all([
        fixture.broker.stop(),
        expect(waiting).resolves.toMatchObject({ status: 'PULL_NOT_FOUND', nextBeginOffset: 1 }),
      ])
    }),
  )
})

test(
  'COMMIT takes the offset along; a reset on the server wins over it and is told once',
  withBroker(async fixture => {
    for (const body of ['a', 'b', 'c']) await fixture.send('T', { body })
    await pull(fixture, { sysFlag: SUBSCRIPTION | COMMIT, commitOffset: 2, queueOffset: 2 })
    const { offsets } = fixture.broker.services
    expect(offsets.query('CG', 'T', 0)).toBe(2)
    await fixture.ask(brokerRequests.invokeBrokerToResetOffset, {
      topic: 'T',
      group: 'CG',
      timestamp: -1,
      isForce: true,
      queueId: 0,
      offset: 1,
    })
    const ignored = await fixture.ask(brokerRequests.updateConsumerOffset, {
      consumerGroup: 'CG',
      topic: 'T',
      queueId: 0,
      commitOffset: 3,
    })
    expect(ignored).toMatchObject({ status: 'SUCCESS', remark: 'Offset has been previously reset' })
    expect(await pull(fixture, { queueOffset: 3 })).toMatchObject({ status: 'PULL_OFFSET_MOVED', nextBeginOffset: 1 })
    expect(bodies(await pull(fixture, { queueOffset: 1 }))).toEqual(['b', 'c'])
    await pull(fixture, { sysFlag: SUBSCRIPTION | COMMIT, commitOffset: 3, queueOffset: 3 })
    expect(offsets.query('CG', 'T', 0)).toBe(3)
  }),
)

test(
  'a pull whose connection closes while the disk is asked is not held',
  withBroker(async fixture => {
    const { broker, send, sim } = fixture
    await send('T')
    const { store, heldPulls } = broker.services
    const read = store.getMessage.bind(store)
    store.getMessage = request => sim.sleep(500).then(() => read(request))
    const leaving = fixture.anotherClient('leaving')
    const gone = held(fixture, { queueOffset: 1 }, leaving).catch(() => 'gone')
    await sim.sleep(100)
    await leaving.close()
    expect(await gone).toBe('gone')
    await sim.sleep(2000)
    expect(heldPulls.size).toBe(0)
  }),
)
