import { describe, expect, test } from '@jest/globals'
import type { SubscriptionGroupConfig } from '@rocketcluster/protocol'
import {
  brokerRequests,
  createOffsetMsgId,
  type DecodedMessage,
  encodeHost,
  SCHEDULE_TOPIC,
} from '@rocketcluster/protocol'
import { Simulation } from '@rocketcluster/world/sim'
import { subscriptionGroup } from '../../metadata/subscription-groups.ts'
import { type Fixture, PORT, propertiesOf, refusal, startBroker, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { DeadLetters, groupOfRetryTopic, maxReconsumeTimes } from './dead-letters.ts'

const physicalOffsetOf = ({ msgId }: { msgId: string }) => Number.parseInt(msgId.slice(16), 16)

async function messages({ broker }: Fixture, topic: string, queueId = 0): Promise<DecodedMessage[]> {
  const { store } = broker.services
  const all: DecodedMessage[] = []
  for (let at = 0; at < store.maxOffset(topic, queueId); ) {
    const read = await readQueue(store, topic, queueId, at, 100)
    all.push(...read.messages)
    at = read.nextOffset
  }
  return all
}

const sendBack = (fixture: Fixture, offset: number, more: object = {}) =>
  fixture.ask(brokerRequests.consumerSendMsgBack, { group: 'G', offset, delayLevel: 0, unitMode: false, ...more })

const group = (fixture: Fixture, changes: Partial<SubscriptionGroupConfig>) =>
  fixture.broker.services.groups.put({ ...subscriptionGroup('G'), ...changes })

const LEVELS = { messageDelayLevel: [1, 2, 3, 4, 5].map(seconds => seconds * 1000) }

describe('a message sent back', () => {
  test(
    'comes again in the retry topic after 3 + times levels, as the message it was',
    withBroker(async fixture => {
      const { sim, host } = fixture
      const sent = await fixture.send('T', {
        body: 'work',
        flag: 9,
        properties: propertiesOf({ TAGS: 'a', KEYS: 'k', UNIQ_KEY: 'U', mine: 'x' }),
      })
      const [original] = await messages(fixture, 'T')
      await sendBack(fixture, original!.physicalOffset, { originMsgId: 'U', originTopic: 'T' })
      const [waiting] = await messages(fixture, SCHEDULE_TOPIC, 2)
      expect(waiting!.property('REAL_TOPIC')).toBe('%RETRY%G')
      await sim.sleep(2900)
      expect(await messages(fixture, '%RETRY%G')).toEqual([])
      await sim.sleep(200)
      const [again] = await messages(fixture, '%RETRY%G')
      expect(again).toMatchObject({ topic: '%RETRY%G', queueId: 0, flag: 9, reconsumeTimes: 1, bornTimestamp: 1 })
      expect(again!.bornHost).toEqual(original!.bornHost)
      expect(again!.body.toString()).toBe('work')
      const originMsgId = createOffsetMsgId(encodeHost(host.address, PORT), physicalOffsetOf(sent))
      expect(Object.fromEntries(again!.properties)).toEqual({
        ...Object.fromEntries(original!.properties),
        RETRY_TOPIC: 'T',
        ORIGIN_MESSAGE_ID: originMsgId,
        REAL_TOPIC: '%RETRY%G',
        REAL_QID: '0',
        DELAY: '3',
        WAIT: 'false',
      })

      await sendBack(fixture, again!.physicalOffset)
      await sim.sleep(4100)
      const [, second] = await messages(fixture, '%RETRY%G')
      expect(second).toMatchObject({ reconsumeTimes: 2 })
      expect(Object.fromEntries(second!.properties)).toMatchObject({
        RETRY_TOPIC: 'T',
        ORIGIN_MESSAGE_ID: originMsgId,
        UNIQ_KEY: 'U',
        DELAY: '4',
      })
    }, LEVELS),
  )

  test(
    'waits as long as its consumer says',
    withBroker(async fixture => {
      const offset = physicalOffsetOf(await fixture.send('T'))
      await sendBack(fixture, offset, { delayLevel: 1 })
      await sendBack(fixture, offset, { delayLevel: 99 })
      await fixture.sim.sleep(1100)
      expect(await messages(fixture, '%RETRY%G')).toHaveLength(1)
      expect(await messages(fixture, SCHEDULE_TOPIC, 4)).toHaveLength(1)
    }, LEVELS),
  )

  test(
    'becomes a dead letter after the group’s attempts',
    withBroker(async fixture => {
      await group(fixture, { retryMaxTimes: 2 })
      let offset = physicalOffsetOf(await fixture.send('T', { properties: propertiesOf({ UNIQ_KEY: 'U' }) }))
      for (let times = 0; times < 2; times++) {
        await sendBack(fixture, offset, { delayLevel: 1, originTopic: 'T' })
        await fixture.sim.sleep(1100)
        offset = (await messages(fixture, '%RETRY%G')).at(-1)!.physicalOffset
      }
      expect(fixture.broker.services.topics.get('%DLQ%G')).toBeUndefined()
      await sendBack(fixture, offset, { delayLevel: 1, originTopic: 'T' })
      expect(await messages(fixture, '%RETRY%G')).toHaveLength(2)
      const [dead] = await messages(fixture, '%DLQ%G')
      expect(dead).toMatchObject({ topic: '%DLQ%G', reconsumeTimes: 3 })
      expect(Object.fromEntries(dead!.properties)).toMatchObject({ UNIQ_KEY: 'U', RETRY_TOPIC: 'T', DELAY: '0' })
      expect(fixture.broker.services.topics.get('%DLQ%G')).toMatchObject({
        readQueueNums: 1,
        writeQueueNums: 1,
        perm: 6,
      })
      expect([...fixture.broker.services.stats.deadLetters.values()]).toEqual([{ topic: 'T', group: 'G', messages: 1 }])
    }, LEVELS),
  )

  test(
    'becomes a dead letter by its consumer’s word: a negative level, or attempts of its own',
    withBroker(async fixture => {
      const offset = physicalOffsetOf(await fixture.send('T'))
      await sendBack(fixture, offset, { delayLevel: -1 })
      await sendBack(fixture, offset, { maxReconsumeTimes: 0 })
      expect(await messages(fixture, '%DLQ%G')).toHaveLength(2)
      await group(fixture, { retryMaxTimes: 0 })
      await sendBack(fixture, offset, { maxReconsumeTimes: 5 })
      expect(await messages(fixture, '%DLQ%G')).toHaveLength(2)
      await sendBack(fixture, offset)
      expect(await messages(fixture, '%DLQ%G')).toHaveLength(3)
    }),
  )

  test(
    'goes nowhere when the group wants no retries',
    withBroker(async fixture => {
      await group(fixture, { retryQueueNums: 0 })
      const offset = physicalOffsetOf(await fixture.send('T'))
      await expect(sendBack(fixture, offset)).resolves.toMatchObject({ status: 'SUCCESS' })
      await expect(sendBack(fixture, 12_345)).resolves.toMatchObject({ status: 'SUCCESS' })
      expect(fixture.broker.services.topics.get('%RETRY%G')).toBeUndefined()
      expect(fixture.broker.services.store.maxPhysicalOffset).toBeLessThan(offset + 400)
    }),
  )

  test(
    'is spread over the group’s retry queues',
    withBroker(async fixture => {
      await group(fixture, { retryQueueNums: 3 })
      const offset = physicalOffsetOf(await fixture.send('T'))
      for (let i = 0; i < 30; i++) await sendBack(fixture, offset, { delayLevel: 1 })
      await fixture.sim.sleep(1500)
      const counts = await Promise.all([0, 1, 2].map(async q => (await messages(fixture, '%RETRY%G', q)).length))
      expect(counts.reduce((a, b) => a + b)).toBe(30)
      expect(Math.min(...counts)).toBeGreaterThan(0)
      expect(fixture.broker.services.topics.get('%RETRY%G')).toMatchObject({ readQueueNums: 3, perm: 6 })
    }),
  )

  test(
    'survives a power cut once it is acknowledged, with SYNC_FLUSH',
    withBroker(
      async fixture => {
        const offset = physicalOffsetOf(await fixture.send('T', { body: 'work' }))
        await sendBack(fixture, offset, { delayLevel: 1 })
        const again = await fixture.restart('power')
        await again.sim.sleep(3000)
        expect((await messages(again, '%RETRY%G')).map(({ body }) => body.toString())).toEqual(['work'])
      },
      { flushDiskType: 'SYNC_FLUSH' },
    ),
  )
})

describe('what is refused', () => {
  const cases: readonly [string, string, RegExp, (fixture: Fixture) => Promise<unknown>][] = [
    ['an offset behind the log', 'SYSTEM_ERROR', /look message by offset failed, 99999/, f => sendBack(f, 99_999)],
    ['an offset below 0', 'SYSTEM_ERROR', /look message by offset failed, -5/, f => sendBack(f, -5)],
    [
      'an offset in the middle of a message',
      'SYSTEM_ERROR',
      /look message by offset failed/,
      async f => sendBack(f, physicalOffsetOf(await f.send('T')) + 7),
    ],
    [
      'a message that still waits: no consumer has it',
      'SYSTEM_ERROR',
      /SCHEDULE_TOPIC_XXXX is not for consumers/,
      async f => sendBack(f, physicalOffsetOf(await f.send('T', { properties: propertiesOf({ DELAY: '5' }) }))),
    ],
    [
      'a name that no group may have',
      'SUBSCRIPTION_GROUP_NOT_EXIST',
      /"no good!"/,
      f => sendBack(f, 0, { group: 'no good!' }),
    ],
    [
      'a retry topic that may not be written',
      'NO_PERMISSION',
      /%RETRY%G/,
      async f => {
        const { topics } = f.broker.services
        await topics.put({ ...(await topics.createInternal('%RETRY%G', 1)), perm: 4 })
        return sendBack(f, physicalOffsetOf(await f.send('T')))
      },
    ],
    [
      'by a broker that may not be written',
      'NO_PERMISSION',
      /sending message is forbidden/,
      async f => {
        const offset = physicalOffsetOf(await f.send('T'))
        await f.ask(brokerRequests.updateBrokerConfig, {}, { body: Buffer.from('brokerPermission=4') as never })
        return sendBack(f, offset)
      },
    ],
    [
      'by a full disk',
      'SYSTEM_ERROR',
      /SERVICE_NOT_AVAILABLE.*ENOSPC/,
      async f => {
        const offset = physicalOffsetOf(await f.send('T'))
        await sendBack(f, offset)
        f.host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
        return sendBack(f, offset)
      },
    ],
  ]
  test.each(cases)('%s: %s', async (_what, status, remark, ask) => {
    await withBroker(async fixture => {
      expect(await refusal(ask(fixture))).toEqual({ status, remark: expect.stringMatching(remark) })
    })()
  })

  test(
    'an unknown group where groups are not made by themselves',
    withBroker(
      async fixture => {
        const offset = physicalOffsetOf(await fixture.send('T'))
        expect(await refusal(sendBack(fixture, offset, { group: 'Unknown' }))).toEqual({
          status: 'SUBSCRIPTION_GROUP_NOT_EXIST',
          remark: 'subscription group not exist, "Unknown"',
        })
        expect(await refusal(fixture.send('%RETRY%Unknown'))).toMatchObject({ status: 'SUBSCRIPTION_GROUP_NOT_EXIST' })
      },
      { autoCreateSubscriptionGroup: false },
    ),
  )

  test('a message that has been cleaned away', () => {
    const sim = new Simulation(1, { maxVirtualMs: 3 * 3_600_000 })
    return sim.run(async () => {
      const fixture = await startBroker(sim, { fileReservedTime: 1 })
      const offset = physicalOffsetOf(await fixture.send('T'))
      for (let i = 0; i < 40; i++) await fixture.send('T', { body: 'x'.repeat(20_000) })
      await sim.sleep(7_200_000)
      await fixture.ask(brokerRequests.deleteExpiredCommitlog, {})
      expect(fixture.broker.services.store.minPhysicalOffset).toBeGreaterThan(0)
      expect(await refusal(sendBack(fixture, offset))).toMatchObject({
        status: 'SYSTEM_ERROR',
        remark: expect.stringMatching(/^look message by offset failed, 0; the log goes from \d+ to \d+$/),
      })
    })
  })
})

describe('a message sent to a retry topic because it could not be sent back', () => {
  test(
    'waits there for its level, until it has failed more often than allowed',
    withBroker(async fixture => {
      const properties = propertiesOf({ DELAY: '3', RETRY_TOPIC: 'T', RECONSUME_TIME: '16', MAX_RECONSUME_TIMES: '16' })
      await fixture.send('%RETRY%G', { body: 'again', reconsumeTimes: 16, properties })
      await fixture.sim.sleep(3100)
      const [again] = await messages(fixture, '%RETRY%G')
      expect(again).toMatchObject({ reconsumeTimes: 16 })
      const answer = await fixture.send('%RETRY%G', { body: 'dead', reconsumeTimes: 17, properties })
      expect(answer).toMatchObject({ status: 'SUCCESS', queueId: 0, queueOffset: 0 })
      const [dead] = await messages(fixture, '%DLQ%G')
      expect(dead).toMatchObject({ reconsumeTimes: 17 })
      expect(dead!.property('DELAY')).toBe('-1')
      expect(dead!.property('RETRY_TOPIC')).toBe('T')
    }, LEVELS),
  )

  test(
    'is a dead letter by its consumer’s own count',
    withBroker(async fixture => {
      await fixture.send('%RETRY%G', { reconsumeTimes: 2, maxReconsumeTimes: 2, queueId: -1 })
      await fixture.send('%RETRY%G', { reconsumeTimes: 3, maxReconsumeTimes: 2, queueId: -1, body: 'dead' })
      await fixture.send('%RETRY%G', { reconsumeTimes: 20, maxReconsumeTimes: 30 })
      expect((await messages(fixture, '%DLQ%G')).map(({ body }) => body.toString())).toEqual(['dead'])
      expect(await messages(fixture, '%RETRY%G')).toHaveLength(2)
    }),
  )
})

describe('rules', () => {
  test('the client’s number of attempts counts from 3.4.9 on', () => {
    const config = { ...subscriptionGroup('G'), retryMaxTimes: 16 }
    expect(maxReconsumeTimes(config, 3, 121)).toBe(3)
    expect(maxReconsumeTimes(config, 3, 120)).toBe(16)
    expect(maxReconsumeTimes(config, undefined, 513)).toBe(16)
  })

  test.each([
    ['%RETRY%G', 'G'],
    ['%RETRY%G_T', 'G_T'],
    ['%RETRY%G+T', 'G'],
    ['%RETRY%G+T+U', 'G+T+U'],
  ])('%s is of group %s', (topic, expected) => expect(groupOfRetryTopic(topic)).toBe(expected))

  test(
    'who consumes in order sends only what has failed for good',
    withBroker(async ({ broker }) => {
      const ordered = new DeadLetters({ ...broker.services, hasOrderLocks: name => name === 'Ordered' })
      expect(await ordered.destination({ topic: '%RETRY%Ordered' })).toMatchObject({ topicName: '%DLQ%Ordered' })
      expect(await ordered.destination({ topic: '%RETRY%Other' })).toBeUndefined()
    }),
  )
})
