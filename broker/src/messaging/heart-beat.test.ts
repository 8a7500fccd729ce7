import { expect, test } from '@jest/globals'
import { brokerRequests as ask, type BodyOf } from '@rocketcluster/protocol'
import { type Fixture, withBroker } from '../testing/broker-fixture.ts'

type Heartbeat = BodyOf<typeof ask.heartBeat>

function heartbeat(clientID: string, topics: readonly string[], more: Partial<Heartbeat> = {}, group: object = {}) {
  return {
    clientID,
    producerDataSet: [],
    consumerDataSet: [
      {
        groupName: 'CG',
        consumeType: 'CONSUME_PASSIVELY',
        messageModel: 'CLUSTERING',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        unitMode: false,
        subscriptionDataSet: topics.map(topic => ({
          topic,
          subString: '*',
          tagsSet: [],
          codeSet: [],
          subVersion: 1,
          expressionType: 'TAG',
          classFilterMode: false,
        })),
        ...group,
      },
    ],
    heartbeatFingerprint: 0,
    withoutSub: false,
    ...more,
  } as Heartbeat
}

/** Resolves with whether the client has to tell its subscriptions again. */
const beat = (fixture: Fixture, body: Heartbeat, client = fixture.client) =>
  fixture.ask(ask.heartBeat, {}, { body, client }).then(({ ext }) => ext.IS_SUB_CHANGE === 'true')

const subscriptions = (fixture: Fixture) => [
  ...(fixture.broker.services.clients.consumerGroup('CG')?.subscriptions.keys() ?? []),
]

test(
  'a client that sends no fingerprint is always told to tell its subscriptions',
  withBroker(async fixture => {
    expect(await beat(fixture, heartbeat('a@1', ['T']))).toBe(true)
    expect(await beat(fixture, heartbeat('a@1', ['T']))).toBe(true)
    expect(fixture.broker.services.topics.get('%RETRY%CG')).toBeDefined()
  }),
)

test(
  'with a fingerprint they are told once; who comes anew tells them again',
  withBroker(async fixture => {
    const whole = heartbeat('a@1', ['T'], { heartbeatFingerprint: 7 })
    const short = heartbeat('a@1', [], { heartbeatFingerprint: 7, withoutSub: true })
    expect(await beat(fixture, whole)).toBe(true)
    for (let i = 0; i < 3; i++) expect(await beat(fixture, short)).toBe(false)
    expect(subscriptions(fixture)).toEqual(['T'])
    const again = await fixture.restart('kill')
    expect(await beat(again, short)).toBe(true)
    await beat(again, whole)
    expect(subscriptions(again)).toEqual(['T'])
  }),
)

test(
  'members that differ take turns: each is asked to tell its subscriptions again, none is forgotten for good',
  withBroker(async fixture => {
    const other = fixture.anotherClient('other')
    const whole = (name: string, topic: string, heartbeatFingerprint: number) =>
      heartbeat(name, [topic], { heartbeatFingerprint })
    const short = (name: string, heartbeatFingerprint: number) =>
      heartbeat(name, [], { heartbeatFingerprint, withoutSub: true })
    await beat(fixture, whole('a@1', 'T', 1))
    await beat(fixture, whole('b@1', 'U', 2), other)
    expect(subscriptions(fixture)).toEqual(['U'])
    expect(await beat(fixture, short('a@1', 1))).toBe(true)
    await beat(fixture, whole('a@1', 'T', 1))
    expect(subscriptions(fixture)).toEqual(['T'])
    expect(await beat(fixture, short('b@1', 2), other)).toBe(true)
  }),
)

test(
  'where pull consumers are rejected they are no members, and others are',
  withBroker(
    async fixture => {
      await beat(fixture, heartbeat('a@1', ['T'], {}, { consumeType: 'CONSUME_ACTIVELY' }))
      expect(fixture.broker.services.clients.clientIds('CG')).toEqual([])
      await beat(fixture, heartbeat('b@1', ['T']))
      expect(fixture.broker.services.clients.clientIds('CG')).toEqual(['b@1'])
    },
    { rejectPullConsumerEnable: true },
  ),
)

test(
  'where groups are not made by themselves, one that is not there gets no members',
  withBroker(
    async fixture => {
      await beat(fixture, heartbeat('a@1', ['T']))
      expect(fixture.broker.services.clients.clientIds('CG')).toEqual([])
    },
    { autoCreateSubscriptionGroup: false },
  ),
)

test(
  'a name that no group may have is refused',
  withBroker(async fixture => {
    await expect(beat(fixture, heartbeat('a@1', ['T'], {}, { groupName: 'no good!' }))).rejects.toMatchObject({
      status: 'INVALID_PARAMETER',
    })
  }),
)

test(
  'a commit makes no group; a pull or a heartbeat before does',
  withBroker(async fixture => {
    await fixture.send('T')
    const header = { consumerGroup: 'CG', topic: 'T', queueId: 0, commitOffset: 1 }
    const commit = (more: object = {}) => fixture.ask(ask.updateConsumerOffset, { ...header, ...more })
    await expect(commit()).rejects.toMatchObject({ status: 'SUBSCRIPTION_GROUP_NOT_EXIST' })
    await beat(fixture, heartbeat('a@1', ['T']))
    await commit()
    await expect(commit({ topic: 'None' })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
    await expect(commit({ queueId: -1 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
    await expect(commit({ commitOffset: -1 })).rejects.toMatchObject({ status: 'INVALID_PARAMETER' })
    // Backwards too: a consumer may seek.
    await commit({ commitOffset: 0 })
    const query = (more: object = {}) =>
      fixture.ask(ask.queryConsumerOffset, { consumerGroup: 'CG', topic: 'T', queueId: 0, ...more })
    expect(await query()).toMatchObject({ offset: 0 })
    expect((await query({ consumerGroup: 'New', setZeroIfNotFound: false })).status).toBe('QUERY_NOT_FOUND')
    expect(await query({ consumerGroup: 'New', setZeroIfNotFound: true })).toMatchObject({ offset: 0 })
    expect((await query({ consumerGroup: 'New', topic: 'None' })).status).toBe('QUERY_NOT_FOUND')
  }),
)
