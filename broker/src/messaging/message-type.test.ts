import { describe, expect, test } from '@jest/globals'
import { brokerRequests as ask, encodeBatch, property } from '@rocketcluster/protocol'
import { type Fixture, propertiesOf, withBroker } from '../testing/broker-fixture.ts'
import { messageTypeOf } from './message-type.ts'

const NOTHING = {
  tagsCode: 0,
  uniqKey: undefined,
  keys: undefined,
  waitStoreMsgOK: true,
  delay: undefined,
  transactionPrepared: false,
  ordered: false,
}

test.each([
  ['NORMAL', {}],
  ['FIFO', { ordered: true }],
  ['DELAY', { delay: 'DELAY', ordered: true }],
  ['TRANSACTION', { transactionPrepared: true, delay: 'DELAY', ordered: true }],
])('%s', (type, traits) => {
  expect(messageTypeOf({ ...NOTHING, ...traits })).toBe(type)
})

const create = (fixture: Fixture, topic: string, attributes: string) =>
  fixture.ask(ask.updateAndCreateTopic, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: 1,
    writeQueueNums: 1,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    order: false,
    attributes,
  })

const PROPERTIES: Readonly<Record<string, string>> = {
  NORMAL: '',
  FIFO: propertiesOf({ [property.SHARDING_KEY]: 'k' }),
  DELAY: propertiesOf({ [property.DELAY_TIME_LEVEL]: '3' }),
}

describe('with messageTypeCheckEnable', () => {
  const checking = { messageTypeCheckEnable: true, enableMixedMessageType: true }

  test(
    'a topic takes its own type only, and says what it wanted and got',
    withBroker(async fixture => {
      for (const expected of Object.keys(PROPERTIES)) {
        await create(fixture, `T-${expected}`, `+message.type=${expected}`)
        for (const [actual, properties] of Object.entries(PROPERTIES)) {
          const sent = fixture.send(`T-${expected}`, { properties })
          if (actual === expected) await sent
          else
            await expect(sent).rejects.toMatchObject({
              status: 'MESSAGE_ILLEGAL',
              message: expect.stringContaining(`the expected type is ${expected}, but actual type is ${actual}`),
            })
        }
      }
    }, checking),
  )

  test(
    'topics without the attribute, mixed and unspecified ones take everything',
    withBroker(async fixture => {
      await create(fixture, 'Mixed', '+message.type=MIXED')
      await create(fixture, 'Unspecified', '+message.type=UNSPECIFIED')
      for (const topic of ['Mixed', 'Unspecified', 'Plain'])
        for (const properties of Object.values(PROPERTIES)) await fixture.send(topic, { properties })
    }, checking),
  )

  test(
    'one message of the wrong type refuses its batch',
    withBroker(async fixture => {
      await create(fixture, 'Fifo', '+message.type=FIFO')
      const item = (properties: string) => ({ flag: 0, body: Buffer.from('x'), properties: Buffer.from(properties) })
      const body = encodeBatch([item(PROPERTIES.FIFO!), item('')]).toString('latin1')
      await expect(fixture.send('Fifo', { batch: true, body })).rejects.toMatchObject({ status: 'MESSAGE_ILLEGAL' })
      expect(fixture.broker.services.store.maxOffset('Fifo', 0)).toBe(0)
    }, checking),
  )
})

test(
  'by default every topic takes everything, as in Apache',
  withBroker(async fixture => {
    await create(fixture, 'Fifo', '+message.type=FIFO')
    for (const properties of Object.values(PROPERTIES)) await fixture.send('Fifo', { properties })
  }),
)

test(
  'mixed topics have to be allowed; one that is there already may be changed',
  withBroker(async fixture => {
    await expect(create(fixture, 'Mixed', '+message.type=MIXED')).rejects.toMatchObject({
      status: 'INVALID_PARAMETER',
      message: expect.stringContaining('MIXED message type is not supported.'),
    })
    await fixture.ask(ask.updateBrokerConfig, {}, { body: 'enableMixedMessageType=true\n' })
    await create(fixture, 'Mixed', '+message.type=MIXED')
    await fixture.ask(ask.updateBrokerConfig, {}, { body: 'enableMixedMessageType=false\n' })
    await create(fixture, 'Mixed', '')
  }),
)
