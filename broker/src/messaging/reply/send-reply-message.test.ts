import { expect, test } from '@jest/globals'
import {
  brokerRequests as ask,
  clientRequests,
  parseProperties,
  property,
  ResponseError,
} from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import { type Fixture, propertiesOf, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'

const REPLY_TOPIC = 'DefaultCluster_REPLY_TOPIC'

/** A producer that is known to the broker and waits for replies. */
async function requester(fixture: Fixture, clientID = 'asker@1', groups = ['PG']): Promise<RemotingClient> {
  const client = fixture.anotherClient(clientID.replace('@', '-'))
  await fixture.ask(
    ask.heartBeat,
    {},
    {
      client,
      body: {
        clientID,
        producerDataSet: groups.map(groupName => ({ groupName })),
        consumerDataSet: [],
        heartbeatFingerprint: 0,
        withoutSub: false,
      },
    },
  )
  return client
}

const replyTo = (clientId: string | undefined) =>
  propertiesOf({
    [property.CORRELATION_ID]: 'c-1',
    ...(clientId === undefined ? {} : { [property.MESSAGE_REPLY_TO_CLIENT]: clientId }),
  })

function reply(fixture: Fixture, properties: string, more: object = {}) {
  return fixture.ask(
    ask.sendReplyMessageV2,
    {
      producerGroup: 'Repliers',
      topic: REPLY_TOPIC,
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: 0,
      sysFlag: 0,
      bornTimestamp: 7,
      flag: 3,
      properties,
      reconsumeTimes: 0,
      unitMode: false,
      batch: false,
      ...more,
    },
    { body: Buffer.from('the answer'), timeoutMs: 20_000 },
  )
}

test(
  'a reply reaches who asked, and is stored',
  withBroker(async fixture => {
    const seen: unknown[] = []
    const client = await requester(fixture)
    client.handle(clientRequests.pushReplyMessageToClient, (header, { body }) => {
      const properties = parseProperties(header.properties ?? '')
      seen.push({
        topic: header.topic,
        body: Buffer.from(body ?? []).toString(),
        correlation: properties.get('CORRELATION_ID'),
        pushed: Number(properties.get('PUSH_REPLY_TIME')) > 0,
        flag: header.flag,
        born: header.bornTimestamp,
        from: header.bornHost.split(':')[0],
        broker: header.storeHost,
      })
      return {}
    })
    const answer = await reply(fixture, replyTo('asker@1'))
    expect(seen).toEqual([
      {
        topic: REPLY_TOPIC,
        body: 'the answer',
        correlation: 'c-1',
        pushed: true,
        flag: 3,
        born: 7,
        from: expect.stringMatching(/^10\.0\.0\.\d+$/),
        broker: fixture.broker.address,
      },
    ])
    expect(answer).toMatchObject({ status: 'SUCCESS', queueId: 0, queueOffset: 0 })
    expect(answer.msgId).toHaveLength(32)
    const stored = await readQueue(fixture.broker.services.store, REPLY_TOPIC, 0, 0, 10)
    expect(stored.messages.map(({ body }) => body.toString())).toEqual(['the answer'])
    expect(stored.messages[0]!.properties.has('PUSH_REPLY_TIME')).toBe(false)
  }),
)

test(
  'replies are only handed over where they are not to be stored',
  withBroker(
    async fixture => {
      const client = await requester(fixture)
      client.handle(clientRequests.pushReplyMessageToClient, () => ({}))
      expect(await reply(fixture, replyTo('asker@1'))).toMatchObject({ status: 'SUCCESS', msgId: '0', queueOffset: 0 })
      expect(fixture.broker.services.store.maxOffset(REPLY_TOPIC, 0)).toBe(0)
    },
    { storeReplyMessageEnable: false },
  ),
)

test(
  'who asked is not named, was never here, or is gone: SYSTEM_ERROR that says so, and the reply is stored all the same',
  withBroker(async fixture => {
    const refused = (properties: string, message: RegExp) =>
      expect(reply(fixture, properties)).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
        message: expect.stringMatching(message),
      })
    await refused(replyTo(undefined), /properties\[REPLY_TO_CLIENT\] is null/)
    await refused(replyTo('nobody@1'), /channel of <nobody@1> not found/)
    const client = await requester(fixture, 'gone@1', ['PG', 'Other'])
    await client.close()
    await fixture.sim.sleep(50)
    await refused(replyTo('gone@1'), /channel of <gone@1> not found/)
    expect(fixture.broker.services.store.maxOffset(REPLY_TOPIC, 0)).toBe(3)
  }),
)

test(
  'a requester that left one of its groups still gets its replies; one that left all does not',
  withBroker(async fixture => {
    const client = await requester(fixture, 'asker@1', ['A', 'B'])
    client.handle(clientRequests.pushReplyMessageToClient, () => ({}))
    await fixture.ask(ask.unregisterClient, { clientID: 'asker@1', producerGroup: 'A' }, { client })
    await reply(fixture, replyTo('asker@1'))
    await fixture.ask(ask.unregisterClient, { clientID: 'asker@1', producerGroup: 'B' }, { client })
    await expect(reply(fixture, replyTo('asker@1'))).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
  }),
)

test(
  'a requester that refuses, or is silent for 10 s, is an error',
  withBroker(async fixture => {
    const client = await requester(fixture)
    let silent = false
    client.handle(clientRequests.pushReplyMessageToClient, () => {
      if (silent) return new Promise(() => {})
      throw new ResponseError('SYSTEM_ERROR', 'no such request')
    })
    const failed = /push reply message to asker@1fail/
    await expect(reply(fixture, replyTo('asker@1'))).rejects.toMatchObject({ message: expect.stringMatching(failed) })
    silent = true
    const beganMs = fixture.host.world.clock.monotonicMs()
    await expect(reply(fixture, replyTo('asker@1'))).rejects.toMatchObject({ message: expect.stringMatching(failed) })
    expect(fixture.host.world.clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(10_000)
  }),
)

test(
  'what no send may do no reply may either',
  withBroker(async fixture => {
    const client = await requester(fixture)
    let pushes = 0
    client.handle(clientRequests.pushReplyMessageToClient, () => {
      pushes++
      return {}
    })
    await expect(reply(fixture, replyTo('asker@1'), { topic: 'no good!' })).rejects.toMatchObject({
      status: 'INVALID_PARAMETER',
    })
    await expect(reply(fixture, replyTo('asker@1'), { queueId: 9 })).rejects.toMatchObject({
      status: 'INVALID_PARAMETER',
    })
    expect(pushes).toBe(0)
  }),
)
