import { expect, test } from '@jest/globals'
import type { MessageQueue, ReceivedMessage } from '@rocketcluster/client'
import { property } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { batches, movedMessage, orderKey, queueOf, RELIEF_OFFSET, RELIEF_QUEUE, RELIEF_TOPIC } from './moving.ts'
import { reliefNames } from './relief-names.ts'

const source: MessageQueue = { topic: 'T', brokerName: 'broker-a', queueId: 3 }
const received = (queueOffset: number, properties: Record<string, string> = {}, bytes = 10) =>
  ({
    messageQueue: source,
    topic: 'T',
    queueOffset,
    body: Buffer.alloc(bytes, 'x'),
    flag: 5,
    properties: new Map(Object.entries(properties)),
  }) as unknown as ReceivedMessage

test('a moved message keeps what is the application’s and says where it was', () => {
  const moved = movedMessage(
    received(9, { KEYS: 'k', TAGS: 't', UNIQ_KEY: 'u', color: 'blue', __SHARDINGKEY: 's', CORRELATION_ID: 'c' }),
    'X',
  )
  expect(moved).toMatchObject({ topic: 'X', flag: 5 })
  expect(moved.properties).toEqual({
    KEYS: 'k',
    TAGS: 't',
    UNIQ_KEY: 'u',
    color: 'blue',
    __SHARDINGKEY: 's',
    CORRELATION_ID: 'c',
    [RELIEF_TOPIC]: 'T',
    [RELIEF_QUEUE]: 'broker-a:3',
    [RELIEF_OFFSET]: '9',
  })
})

test('what a broker would act on again is left behind', () => {
  const marks = [
    property.DELAY_TIME_LEVEL,
    property.TIMER_DELIVER_MS,
    property.TIMER_DELAY_SEC,
    property.TIMER_DELAY_MS,
    property.TRANSACTION_PREPARED,
    property.REAL_TOPIC,
    property.REAL_QUEUE_ID,
    property.CRC32,
  ]
  const moved = movedMessage(received(0, Object.fromEntries(marks.map(name => [name, '1']))), 'X')
  expect(Object.keys(moved.properties!).filter(name => marks.includes(name as never))).toEqual([])
})

test('messages of one key go to one queue; without a key to that of their source', () => {
  expect(orderKey(received(1, { __SHARDINGKEY: 'a' }), '__SHARDINGKEY')).toBe('ka')
  expect(orderKey(received(1), '__SHARDINGKEY')).toBe('qbroker-a:3')
  expect(orderKey(received(1, { __SHARDINGKEY: 'a' }), 'other')).toBe('qbroker-a:3')
})

test('keys spread over all queues, and never change theirs', () => {
  const counts = Array<number>(16).fill(0)
  for (let i = 0; i < 16_000; i++) counts[queueOf(`korder-${i}`, 16)]!++
  for (const count of counts) expect(count).toBeGreaterThan(700)
  // Part of a relief's progress: a mover of another version goes on with it.
  expect(['ka', 'kb', 'korder-1', 'kü'].map(key => queueOf(key, 1000))).toEqual([192, 249, 862, 825])
  expect(queueOf('korder-1', 1)).toBe(0)
})

test('batches keep the order of each target, and are small enough', () => {
  const targets = [0, 1, 2].map(queueId => ({ topic: 'X', brokerName: 'broker-b', queueId }))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(300_000)), { maxLength: 200 }), list => {
      const messages = list.map(([target, bytes], n) => received(n, { t: String(target) }, bytes))
      const lines = batches(messages, 'X', message => targets[Number(message.properties.get('t'))]!)
      for (const line of lines) {
        const { target } = line[0]!
        const offsets = line.flatMap(batch => {
          expect(batch.target).toBe(target)
          expect(batch.messages.length).toBeLessThanOrEqual(128)
          const bytes = batch.messages.reduce((sum, { body }) => sum + body.length, 0)
          if (batch.messages.length > 1) expect(bytes).toBeLessThanOrEqual(512 * 1024)
          return batch.messages.map(({ properties }) => Number(properties![RELIEF_OFFSET]))
        })
        expect(offsets).toEqual(
          messages.filter(({ properties }) => Number(properties.get('t')) === target.queueId).map(m => m.queueOffset),
        )
      }
      expect(lines.flat().reduce((sum, { messages }) => sum + messages.length, 0)).toBe(messages.length)
    }),
    { numRuns: 30 },
  )
})

test('names tell whose relief it is', () => {
  expect(reliefNames('orders', 'payments')).toEqual({
    temporaryTopic: 'orders-relief-payments',
    moverGroup: 'orders-relief-payments-mover',
    planGroup: 'orders-relief-payments-plan',
  })
})
