import { describe, expect, test } from '@jest/globals'
import {
  brokerRequests,
  type DecodedMessage,
  decodeRecords,
  offsetMsgIds,
  property,
  sysFlag,
  TRANS_CHECK_MAX_TIME_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
  transactionType,
} from '@rocketcluster/protocol'
import { type Fixture, propertiesOf, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { TRANSACTION_GROUP } from './half-message.ts'
import { COMMIT, ROLLBACK, TestProducer, UNKNOWN } from './testing/producer.ts'

/** Short rounds, so that the tests' logs stay short. */
const FAST = { transactionTimeOut: 2000, transactionCheckInterval: 1000, transactionCheckMax: 3 }

const now = (fixture: Fixture) => fixture.broker.services.world.clock.now()

async function all(fixture: Fixture, topic: string): Promise<DecodedMessage[]> {
  const { store } = fixture.broker.services
  const found: DecodedMessage[] = []
  for (let at = store.minOffset(topic, 0); ; ) {
    const { messages, nextOffset } = await readQueue(store, topic, 0, at, 32)
    found.push(...messages)
    if (nextOffset <= at) return found
    at = nextOffset
  }
}

const bodies = async (fixture: Fixture, topic: string) =>
  (await all(fixture, topic)).map(({ storedBody }) => storedBody.toString())

const progress = (fixture: Fixture, topic: string) => fixture.broker.services.offsets.query(TRANSACTION_GROUP, topic, 0)

async function producerOf(fixture: Fixture, machine = 'producer', group = 'PG') {
  const producer = new TestProducer(fixture, machine, group)
  await producer.heartbeat()
  return {
    producer,
    prepare: (uniqKey: string, properties: Record<string, string> = {}, topic = 'T') =>
      producer.prepare(topic, uniqKey, { properties, bornTimestamp: now(fixture) }),
  }
}

describe('preparing', () => {
  test(
    'stores the message where nobody sees it, and answers as for any send',
    withBroker(async fixture => {
      const { prepare } = await producerOf(fixture)
      const prepared = await prepare('U1')
      expect(prepared).toMatchObject({ tranStateTableOffset: 0, uniqKey: 'U1' })
      expect(await bodies(fixture, 'T')).toEqual([])
      const [half] = await all(fixture, TRANS_HALF_TOPIC)
      expect(half).toMatchObject({ queueId: 0, queueOffset: 0, physicalOffset: prepared.commitLogOffset })
      expect(transactionType(half!.sysFlag)).toBe('NONE')
      expect(Object.fromEntries(half!.properties)).toMatchObject({
        REAL_TOPIC: 'T',
        REAL_QID: '0',
        UNIQ_KEY: 'U1',
        __transactionId__: 'U1',
        TRAN_MSG: 'true',
        PGROUP: 'PG',
      })
    }),
  )

  test(
    'is refused where rejectTransactionMessage says so',
    withBroker(
      async fixture => {
        const { prepare } = await producerOf(fixture)
        await expect(prepare('U1')).rejects.toMatchObject({
          status: 'NO_PERMISSION',
          message: expect.stringContaining('sending transaction message is forbidden'),
        })
      },
      { rejectTransactionMessage: true },
    ),
  )

  test(
    'a retried message that still has TRAN_MSG is an ordinary one',
    withBroker(async fixture => {
      const properties = propertiesOf({ TRAN_MSG: 'true', PGROUP: 'PG', DELAY: '1' })
      await fixture.send('T', { properties, reconsumeTimes: 1, sysFlag: sysFlag.TRANSACTION_PREPARED_TYPE })
      expect(await bodies(fixture, TRANS_HALF_TOPIC)).toEqual([])
      await fixture.sim.sleep(2000)
      expect(await bodies(fixture, 'T')).toEqual(['hello'])
    }),
  )

  test(
    'is refused in a batch, and when only sysFlag speaks of it',
    withBroker(async fixture => {
      const properties = propertiesOf({ TRAN_MSG: 'true', PGROUP: 'PG' })
      await expect(fixture.send('T', { batch: true, properties })).rejects.toMatchObject({
        status: 'MESSAGE_ILLEGAL',
        message: expect.stringContaining('a batch may not carry transactional messages'),
      })
      await expect(fixture.send('T', { sysFlag: sysFlag.TRANSACTION_PREPARED_TYPE })).rejects.toMatchObject({
        status: 'MESSAGE_ILLEGAL',
        message: expect.stringContaining('sysFlag 4'),
      })
    }),
  )

  test(
    'leaves room for what copies need',
    withBroker(async fixture => {
      const { prepare } = await producerOf(fixture)
      await expect(prepare('U1', { much: 'x'.repeat(32_560) })).rejects.toMatchObject({
        status: 'MESSAGE_ILLEGAL',
        message: expect.stringContaining('leave no room for those of a transaction'),
      })
      expect(await bodies(fixture, TRANS_HALF_TOPIC)).toEqual([])
    }),
  )
})

describe('ending', () => {
  test(
    'a commit delivers the message as it was born, a rollback never',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const bornTimestamp = now(fixture) - 5
      const first = await producer.prepare('T', 'U1', { bornTimestamp, properties: { KEYS: 'k', color: 'red' } })
      const second = await prepare('U2')
      expect(await producer.end(first, COMMIT)).toMatchObject({ status: 'SUCCESS' })
      expect(await producer.end(second, ROLLBACK)).toMatchObject({ status: 'SUCCESS' })
      const delivered = await all(fixture, 'T')
      expect(delivered).toHaveLength(1)
      const [message] = delivered
      expect(message).toMatchObject({ queueId: 0, queueOffset: 0, bornTimestamp })
      expect(message!.bornHost.address).toBe(fixture.sim.host('producer').address)
      expect(message!.preparedTransactionOffset).toBe(first.commitLogOffset)
      expect(transactionType(message!.sysFlag)).toBe('COMMIT')
      const properties = Object.fromEntries(message!.properties)
      expect(properties).toMatchObject({
        KEYS: 'k',
        color: 'red',
        TAGS: 'tag',
        UNIQ_KEY: 'U1',
        __transactionId__: 'U1',
      })
      for (const name of ['REAL_TOPIC', 'REAL_QID', 'TRAN_MSG', 'TRAN_PREPARED_QUEUE_OFFSET'])
        expect(properties).not.toHaveProperty(name)
    }),
  )

  test(
    'several share an op message, in Apache’s format',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      for (const id of ['U0', 'U1', 'U2']) await producer.end(await prepare(id), id === 'U1' ? ROLLBACK : COMMIT)
      expect(await bodies(fixture, TRANS_OP_HALF_TOPIC)).toEqual([])
      await fixture.sim.sleep(3100)
      const ops = await all(fixture, TRANS_OP_HALF_TOPIC)
      expect(ops.map(({ storedBody }) => storedBody.toString())).toEqual(['0,1,2,'])
      expect(ops[0]!.tags).toBe('d')
    }),
  )

  test(
    'an op message is written at once when it is full',
    withBroker(
      async fixture => {
        const { producer, prepare } = await producerOf(fixture)
        for (const id of ['U0', 'U1', 'U2', 'U3']) await producer.end(await prepare(id), ROLLBACK)
        await fixture.sim.sleep(50)
        expect(await bodies(fixture, TRANS_OP_HALF_TOPIC)).toEqual(['0,1,', '2,3,'])
      },
      { transactionOpMsgMaxSize: 3 },
    ),
  )

  test(
    'once more the same changes nothing; the contrary is refused',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const first = await prepare('U1')
      const second = await prepare('U2')
      await Promise.all([producer.end(first, COMMIT), producer.end(first, COMMIT), producer.end(first, COMMIT)])
      await producer.end(second, ROLLBACK)
      await producer.end(second, ROLLBACK)
      await expect(producer.end(first, ROLLBACK)).rejects.toMatchObject({
        status: 'ILLEGAL_OPERATION',
        message: expect.stringContaining('queue offset 0 has ended with a commit'),
      })
      await expect(producer.end(second, COMMIT)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
      await fixture.sim.sleep(70_000)
      // Their states are forgotten by now; the index still knows.
      await producer.end(first, COMMIT)
      await expect(producer.end(first, ROLLBACK)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
      await expect(producer.end(second, COMMIT)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
    }),
  )

  test(
    'unknown leaves the message undecided',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1')
      expect(await producer.end(prepared, UNKNOWN)).toMatchObject({ status: 'SUCCESS' })
      await expect(producer.end(prepared, 5)).rejects.toMatchObject({
        status: 'INVALID_PARAMETER',
        message: expect.stringContaining('commitOrRollback 5'),
      })
      expect(await bodies(fixture, 'T')).toEqual([])
      await producer.end(prepared, COMMIT)
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
    }),
  )

  test(
    'what does not fit the half message is refused with Apache’s remarks',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1')
      const { msgId } = await fixture.send('T', { body: 'ordinary' })
      const ordinary = Number.parseInt(msgId.slice(-16), 16)
      const refused = (end: Promise<unknown>, remark: string) =>
        expect(end).rejects.toMatchObject({ status: 'SYSTEM_ERROR', message: expect.stringContaining(remark) })
      await refused(producer.end(prepared, COMMIT, { producerGroup: 'other' }), 'The producer group wrong')
      await refused(
        producer.end({ ...prepared, tranStateTableOffset: 7 }, COMMIT),
        'The transaction state table offset wrong',
      )
      await refused(producer.end({ ...prepared, uniqKey: 'U2' }, COMMIT), 'The transaction id wrong: "U2, U2"')
      for (const commitLogOffset of [1, -1, 1e15, ordinary])
        await refused(
          producer.end({ ...prepared, commitLogOffset }, COMMIT),
          `Find prepared transaction message failed: there is none at commitLogOffset ${commitLogOffset}`,
        )
      expect(await bodies(fixture, 'T')).toEqual(['ordinary'])
    }),
  )

  test(
    'a message with an immunity of its own that is ended too late has to be asked about',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1', { CHECK_IMMUNITY_TIME_IN_SECONDS: '3' })
      await fixture.sim.sleep(3500)
      await expect(producer.end(prepared, COMMIT)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
      expect(await producer.end(prepared, COMMIT, { fromTransactionCheck: true })).toMatchObject({ status: 'SUCCESS' })
    }, FAST),
  )

  test(
    'a delay counts from the commit',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1', { DELAY: '2' })
      expect(await bodies(fixture, TRANS_HALF_TOPIC)).toEqual(['U1'])
      await producer.end(prepared, COMMIT)
      expect(await bodies(fixture, 'T')).toEqual([])
      await fixture.sim.sleep(7000)
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
    }),
  )
})

describe('checking', () => {
  test(
    'asks for what is older than transactionTimeOut, with the half message under its real topic',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1')
      await fixture.sim.sleep(1900)
      expect(producer.questions).toEqual([])
      await fixture.sim.sleep(1500)
      expect(producer.questions).toHaveLength(1)
      const [question] = producer.questions
      expect(question).toMatchObject({ uniqKey: 'U1', tranStateTableOffset: 1 })
      expect(question!.commitLogOffset).toBeGreaterThan(prepared.commitLogOffset)
      const { message } = question!
      expect(message).toMatchObject({ topic: 'T', queueId: 0, physicalOffset: question!.commitLogOffset })
      expect(message.body.toString()).toBe('U1')
      expect(message.properties.get(property.TRANSACTION_CHECK_TIMES)).toBe('1')
      expect(message.properties.get(property.PRODUCER_GROUP)).toBe('PG')
      await producer.end(question!, COMMIT, { fromTransactionCheck: true })
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
      await fixture.sim.sleep(20_000)
      expect(producer.questions).toHaveLength(1)
      expect(progress(fixture, TRANS_HALF_TOPIC)).toBe(2)
      expect(progress(fixture, TRANS_OP_HALF_TOPIC)).toBe(
        fixture.broker.services.store.maxOffset(TRANS_OP_HALF_TOPIC, 0),
      )
    }, FAST),
  )

  test(
    'what was decided meanwhile is not asked about; nor is what is too young',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      await producer.end(await prepare('U1'), ROLLBACK)
      await prepare('U2', { CHECK_IMMUNITY_TIME_IN_SECONDS: '10' })
      await fixture.sim.sleep(9500)
      expect(producer.questions).toEqual([])
      await fixture.sim.sleep(2000)
      expect(producer.questions.map(({ uniqKey }) => uniqKey)).toEqual(['U2'])
    }, FAST),
  )

  test(
    'an answer that names an older copy ends the transaction, once',
    withBroker(
      async fixture => {
        const { producer, prepare } = await producerOf(fixture)
        const prepared = await prepare('U1')
        await fixture.sim.sleep(10_000)
        expect(producer.questions.length).toBeGreaterThan(1)
        await Promise.all([
          producer.end(prepared, COMMIT),
          producer.end(producer.questions[0]!, COMMIT, { fromTransactionCheck: true }),
          producer.end(producer.questions.at(-1)!, COMMIT, { fromTransactionCheck: true }),
        ])
        await fixture.sim.sleep(30_000)
        expect(await bodies(fixture, 'T')).toEqual(['U1'])
        expect(await bodies(fixture, TRANS_CHECK_MAX_TIME_TOPIC)).toEqual([])
      },
      { ...FAST, transactionCheckMax: 15 },
    ),
  )

  test(
    'the pauses grow, and after transactionCheckMax the message is set aside; it can be resumed',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const asked: number[] = []
      producer.answer = () => {
        asked.push(fixture.sim.nowMs)
        return UNKNOWN
      }
      await prepare('U1')
      await fixture.sim.sleep(30_000)
      expect(asked).toHaveLength(3)
      const [first, second, third] = asked as [number, number, number]
      expect(third - second).toBeGreaterThan(second - first + 900)
      expect(await bodies(fixture, 'T')).toEqual([])
      const [aside, ...more] = await all(fixture, TRANS_CHECK_MAX_TIME_TOPIC)
      expect(more).toEqual([])
      expect(aside!.properties.get(property.REAL_TOPIC)).toBe('T')
      expect([...fixture.broker.services.transactions.counts.half()]).toEqual([['T', 0]])
      // Nobody may commit it any more, but an operator can have it asked about again.
      await expect(producer.end(producer.questions[2]!, COMMIT)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
      producer.answer = () => COMMIT
      const id = offsetMsgIds(fixture.broker.services.store.storeHost)
      const resume = (msgId?: string) => fixture.ask(brokerRequests.resumeCheckHalfMessage, { msgId })
      await expect(resume()).rejects.toMatchObject({ message: expect.stringContaining('msgId') })
      await expect(resume('zz')).rejects.toMatchObject({ message: expect.stringContaining('msgId') })
      await expect(resume(id(3))).rejects.toMatchObject({ message: expect.stringContaining('physical offset 3') })
      expect(await resume(id(aside!.physicalOffset))).toMatchObject({ status: 'SUCCESS' })
      await fixture.sim.sleep(5000)
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
    }, FAST),
  )

  test(
    'the members of a group are asked in turn, and who is gone is left out',
    withBroker(async fixture => {
      const { producer: first, prepare } = await producerOf(fixture, 'one')
      const { producer: second } = await producerOf(fixture, 'two')
      const { producer: stranger } = await producerOf(fixture, 'three', 'other')
      for (let i = 0; i < 6; i++) await prepare(`U${i}`)
      for (const producer of [first, second, stranger]) producer.answer = () => COMMIT
      await fixture.sim.sleep(4000)
      expect([first.questions.length, second.questions.length, stranger.questions.length]).toEqual([3, 3, 0])
      const more = await Promise.all(['V1', 'V2', 'V3'].map(id => prepare(id)))
      expect(more).toHaveLength(3)
      await first.client.close()
      await fixture.sim.sleep(4000)
      expect(second.questions).toHaveLength(6)
      expect((await bodies(fixture, 'T')).length).toBe(9)
    }, FAST),
  )

  test(
    'without a producer nothing is counted or written; when one is back it is asked',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture, 'one')
      await prepare('U1')
      await producer.client.close()
      await fixture.sim.sleep(120_000)
      expect(await bodies(fixture, TRANS_HALF_TOPIC)).toEqual(['U1'])
      const { producer: back } = await producerOf(fixture, 'two')
      back.answer = () => COMMIT
      await fixture.sim.sleep(2000)
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
      expect(back.questions[0]!.message.properties.get(property.TRANSACTION_CHECK_TIMES)).toBe('1')
    }, FAST),
  )

  test(
    'what is about to leave the log is set aside',
    withBroker(
      async fixture => {
        const { producer, prepare } = await producerOf(fixture, 'one')
        await prepare('U1')
        await producer.client.close()
        await fixture.sim.sleep(60_000)
        fixture.host.jumpClock(57 * 60_000)
        await fixture.sim.sleep(660_000)
        expect(await bodies(fixture, TRANS_CHECK_MAX_TIME_TOPIC)).toEqual(['U1'])
        expect(await bodies(fixture, 'T')).toEqual([])
      },
      { transactionCheckInterval: 30_000, fileReservedTime: 1, deleteWhen: [12] },
    ),
  )
})

test(
  'a half message whose properties leave no room to be put back keeps no other one from being asked about',
  withBroker(async fixture => {
    const { producer } = await producerOf(fixture)
    const bornTimestamp = now(fixture)
    // As many as a message may have: the copy counts its checks in one more.
    const full = { PAD: 'x'.repeat(32_767 - 500) }
    let fits = 0
    for (let pad = full.PAD.length; fits === 0 || pad <= 32_767; pad++) {
      const prepared = producer.prepare('T', 'U1', { properties: { PAD: 'x'.repeat(pad) }, bornTimestamp })
      if (
        !(await prepared.then(
          () => true,
          () => false,
        ))
      )
        break
      fits = pad
    }
    expect(fits).toBeGreaterThan(0)
    await producer.prepare('T', 'U2', { body: 'small', bornTimestamp })
    await fixture.sim.sleep(5000)
    expect(new Set(producer.questions.map(({ uniqKey }) => uniqKey))).toContain('U2')
  }, FAST),
)

test(
  'a maxMessageSize that was lowered holds up nothing that was accepted before',
  withBroker(async fixture => {
    const { producer } = await producerOf(fixture)
    const large = 'large'.repeat(1000)
    const half = await producer.prepare('T', 'U1', { body: large, bornTimestamp: now(fixture) })
    await fixture.ask(brokerRequests.updateBrokerConfig, {}, { body: 'maxMessageSize=1000\n' })
    await fixture.sim.sleep(5000)
    expect(producer.questions.map(({ uniqKey }) => uniqKey)).toContain('U1')
    await producer.end(half, COMMIT)
    await fixture.sim.sleep(1000)
    expect(fixture.broker.services.store.maxOffset('T', 0)).toBe(1)
    await expect(producer.prepare('T', 'U2', { body: large, bornTimestamp: now(fixture) })).rejects.toThrow(
      /maxMessageSize 1000/,
    )
  }, FAST),
)

test(
  'who speaks of a half message after its copy has ended hears how that was',
  withBroker(async fixture => {
    const { producer } = await producerOf(fixture)
    // Of a producer that is away: it keeps the states of all behind it.
    await new TestProducer(fixture, 'away', 'Away').prepare('T', 'U0', { bornTimestamp: now(fixture) })
    const prepared = await producer.prepare('T', 'U1', { bornTimestamp: now(fixture) })
    producer.answer = ({ uniqKey }) => (uniqKey === 'U1' ? COMMIT : undefined)
    for (let i = 0; i < 50 && !producer.questions.some(({ uniqKey }) => uniqKey === 'U1'); i++)
      await fixture.sim.sleep(100)
    await fixture.sim.sleep(50)
    expect(await bodies(fixture, 'T')).toEqual(['U1'])
    expect(await producer.end(prepared, COMMIT)).toMatchObject({ status: 'SUCCESS' })
    await expect(producer.end(prepared, ROLLBACK)).rejects.toMatchObject({ status: 'ILLEGAL_OPERATION' })
    expect(await bodies(fixture, 'T')).toEqual(['U1'])
  }, FAST),
)

describe('restarts', () => {
  for (const how of ['stop', 'kill', 'power'] as const) {
    test(
      `prepared before and committed after: ${how}`,
      withBroker(
        async before => {
          const { producer, prepare } = await producerOf(before)
          const kept = await prepare('U1')
          const decided = await prepare('U2')
          await producer.end(decided, COMMIT)
          await before.sim.sleep(500)
          const fixture = await before.restart(how)
          // Else it learns only from a time-out that the power is gone.
          fixture.sim.network.cut('producer', 'broker')
          await fixture.sim.sleep(5)
          await producer.heartbeat()
          producer.answer = () => COMMIT
          expect(await bodies(fixture, 'T')).toEqual(['U2'])
          await producer.end(kept, COMMIT)
          await producer.end(decided, COMMIT)
          // Whether or not its op message was written, it is not delivered twice.
          await fixture.sim.sleep(20_000)
          expect(await bodies(fixture, 'T')).toEqual(['U2', 'U1'])
        },
        { ...FAST, flushDiskType: 'SYNC_FLUSH' },
      ),
    )
  }

  test(
    'what was undecided is asked about, by the schedule it had; what was set aside stays so',
    withBroker(async before => {
      const { producer, prepare } = await producerOf(before)
      await prepare('U1')
      await before.sim.sleep(3500)
      expect(producer.questions).toHaveLength(1)
      const fixture = await before.restart('kill')
      await producer.heartbeat()
      await fixture.sim.sleep(20_000)
      expect(producer.questions).toHaveLength(3)
      expect(await bodies(fixture, TRANS_CHECK_MAX_TIME_TOPIC)).toEqual(['U1'])
      const again = await fixture.restart('kill')
      await producer.heartbeat()
      await again.sim.sleep(20_000)
      expect(producer.questions).toHaveLength(3)
      expect(await bodies(again, TRANS_CHECK_MAX_TIME_TOPIC)).toEqual(['U1'])
    }, FAST),
  )

  test(
    'stopped and started again without a new process, as a demotion and promotion do',
    withBroker(async fixture => {
      const { producer, prepare } = await producerOf(fixture)
      const prepared = await prepare('U1')
      const { transactions } = fixture.broker.services
      await transactions.stop()
      await transactions.stop()
      await fixture.sim.sleep(10_000)
      expect(producer.questions).toEqual([])
      await transactions.start()
      await fixture.sim.sleep(2000)
      expect(producer.questions).toHaveLength(1)
      await producer.end(prepared, COMMIT)
      expect(await bodies(fixture, 'T')).toEqual(['U1'])
    }, FAST),
  )
})

test(
  'the metrics’ numbers',
  withBroker(async before => {
    const { producer, prepare } = await producerOf(before)
    const first = await prepare('U1')
    const second = await prepare('U2')
    await prepare('U3')
    await producer.end(first, COMMIT)
    await producer.end(second, ROLLBACK)
    const { counts } = before.broker.services.transactions
    expect([...counts.half()]).toEqual([['T', 1]])
    expect([...counts.commits]).toEqual([['T', 1]])
    expect([...counts.rollbacks]).toEqual([['T', 1]])
    expect(counts.finishSeconds.get('T')).toMatchObject({ count: 1 })
    const fixture = await before.restart('stop')
    expect([...fixture.broker.services.transactions.counts.half()]).toEqual([['T', 1]])
  }),
)

// Kept as values on the wire: a change of either would be seen by producers.
test('END_TRANSACTION’s numbers are MessageSysFlag’s', () => {
  expect([COMMIT, ROLLBACK]).toEqual([sysFlag.TRANSACTION_COMMIT_TYPE, sysFlag.TRANSACTION_ROLLBACK_TYPE])
  expect(decodeRecords(Buffer.alloc(0))).toEqual([])
})
