import { describe, expect, test } from '@jest/globals'
import { brokerRequests as ask, type MessageQueue } from '@rocketcluster/protocol'
import type { Clock } from '@rocketcluster/world'
import fc from 'fast-check'
import { type Fixture, withBroker } from '../../testing/broker-fixture.ts'
import { LOCK_MAX_LIVE_MS, OrderLocks } from './order-locks.ts'

const queue = (queueId: number, topic = 'T'): MessageQueue => ({ brokerName: 'broker-a', topic, queueId })
const queues = (...ids: number[]) => ids.map(id => queue(id))
const ids = (list: readonly MessageQueue[]) => list.map(({ queueId }) => queueId)

function locksAt(startMs = 0) {
  const clock = { nowMs: startMs }
  const locks = new OrderLocks({ monotonicMs: () => clock.nowMs } as unknown as Clock)
  return { clock, locks }
}

describe('locks', () => {
  test('a queue has one holder, until it gives the queue back', () => {
    const { locks } = locksAt()
    expect(ids(locks.lock('CG', 'a', queues(0, 1)))).toEqual([0, 1])
    expect(ids(locks.lock('CG', 'b', queues(1, 2)))).toEqual([2])
    locks.unlock('CG', 'b', queues(0, 1))
    expect(locks.holder('CG', queue(1))).toBe('a')
    locks.unlock('CG', 'a', queues(1))
    expect(ids(locks.lock('CG', 'b', queues(0, 1)))).toEqual([1])
  })

  test('groups, topics and brokers are apart', () => {
    const { locks } = locksAt()
    locks.lock('CG', 'a', queues(0))
    expect(locks.lock('Other', 'b', queues(0))).toHaveLength(1)
    expect(locks.lock('CG', 'b', [queue(0, 'U'), { ...queue(0), brokerName: 'broker-b' }])).toHaveLength(2)
  })

  test('60 s without renewal it is free, and not a moment before; its holder may renew it after that too', () => {
    const { clock, locks } = locksAt()
    locks.lock('CG', 'a', queues(0))
    clock.nowMs = LOCK_MAX_LIVE_MS
    expect(locks.lock('CG', 'b', queues(0))).toEqual([])
    expect(locks.anyHeld('CG')).toBe(true)
    clock.nowMs = LOCK_MAX_LIVE_MS + 1
    expect(locks.anyHeld('CG')).toBe(false)
    expect(locks.holder('CG', queue(0))).toBeUndefined()
    expect(locks.lock('CG', 'a', queues(0))).toHaveLength(1)
    expect(locks.lock('CG', 'b', queues(0))).toEqual([])
    clock.nowMs += LOCK_MAX_LIVE_MS - 10
    expect(locks.lock('CG', 'a', queues(0))).toHaveLength(1)
    clock.nowMs += 20
    expect(locks.lock('CG', 'b', queues(0))).toEqual([])
  })

  test('what nobody renews is forgotten', () => {
    const { clock, locks } = locksAt()
    for (let i = 0; i < 100; i++) locks.lock(`CG${i}`, 'a', queues(0, 1))
    locks.expire()
    expect(locks.size).toBe(200)
    clock.nowMs = 30_000
    locks.lock('CG7', 'a', queues(1))
    clock.nowMs = LOCK_MAX_LIVE_MS + 1
    locks.expire()
    expect(locks.size).toBe(1)
    expect(locks.holder('CG7', queue(1))).toBe('a')
  })

  test('nobody is told a queue is its own while another one was told so less than 60 s ago and has not given it back', () => {
    const step = fc.record({
      client: fc.constantFrom('a', 'b', 'c'),
      queueIds: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
      what: fc.constantFrom('lock', 'lock', 'lock', 'unlock', 'leave', 'expire'),
      passMs: fc.integer({ min: 0, max: 30_000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const { clock, locks } = locksAt()
        const told = new Map<number, { client: string; atMs: number }>()
        for (const { client, queueIds, what, passMs } of steps) {
          clock.nowMs += passMs
          if (what === 'lock')
            for (const id of ids(locks.lock('CG', client, queues(...queueIds)))) {
              const other = told.get(id)
              expect(other && other.client !== client && clock.nowMs - other.atMs <= LOCK_MAX_LIVE_MS).toBeFalsy()
              told.set(id, { client, atMs: clock.nowMs })
            }
          else if (what === 'expire') locks.expire()
          else {
            if (what === 'unlock') locks.unlock('CG', client, queues(...queueIds))
            else locks.leave('CG', client)
            for (const [id, { client: holder }] of told)
              if (holder === client && (what === 'leave' || queueIds.includes(id))) told.delete(id)
          }
        }
      }),
    )
  })
})

const lock = (fixture: Fixture, clientId: string, mqSet: MessageQueue[], more: object = {}) =>
  fixture
    .ask(ask.lockBatchMq, {}, { body: { consumerGroup: 'CG', clientId, mqSet, onlyThisBroker: false, ...more } })
    .then(({ body }) => ids(body!.lockOKMQSet))

describe('requests', () => {
  test(
    'lock, renew, hand over',
    withBroker(async fixture => {
      expect(await lock(fixture, 'a', queues(0, 1, 2, 3))).toEqual([0, 1, 2, 3])
      expect(await lock(fixture, 'b', queues(2, 3))).toEqual([])
      await fixture.ask(
        ask.unlockBatchMq,
        {},
        { body: { consumerGroup: 'CG', clientId: 'a', mqSet: queues(2, 3), onlyThisBroker: false } },
      )
      expect(await lock(fixture, 'b', queues(1, 2, 3))).toEqual([2, 3])
      // b dies without a word; a keeps renewing what it has and asks for the rest.
      for (let i = 0; i < 2; i++) {
        await fixture.sim.sleep(20_000)
        expect(await lock(fixture, 'a', queues(0, 1, 2, 3))).toEqual([0, 1])
      }
      await fixture.sim.sleep(20_000)
      expect(await lock(fixture, 'a', queues(0, 1, 2, 3))).toEqual([0, 1, 2, 3])
    }),
  )

  test(
    'a closed connection frees nothing, as its client may live on; a client that says goodbye does',
    withBroker(async fixture => {
      const client = fixture.anotherClient('b')
      const body = { consumerGroup: 'CG', clientId: 'b', mqSet: queues(0), onlyThisBroker: false }
      await fixture.ask(ask.lockBatchMq, {}, { client, body })
      await client.close()
      await fixture.sim.sleep(1000)
      expect(await lock(fixture, 'a', queues(0))).toEqual([])
      await fixture.ask(ask.unregisterClient, { clientID: 'b', consumerGroup: 'CG' })
      expect(await lock(fixture, 'a', queues(0))).toEqual([0])
    }),
  )

  test(
    'without an owner or a group there is no lock',
    withBroker(async fixture => {
      for (const [more, name] of [
        [{ clientId: '' }, 'clientId'],
        [{ consumerGroup: '' }, 'consumerGroup'],
      ] as const)
        await expect(lock(fixture, 'a', queues(0), more)).rejects.toMatchObject({
          status: 'INVALID_PARAMETER',
          message: expect.stringContaining(name),
        })
      await expect(fixture.ask(ask.unlockBatchMq, {})).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
      expect(await lock(fixture, 'a', [])).toEqual([])
      expect(fixture.broker.services.orderLocks.size).toBe(0)
    }),
  )
})
