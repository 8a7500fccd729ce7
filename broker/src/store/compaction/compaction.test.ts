import { describe, expect, test } from '@jest/globals'
import { brokerRequests, encodeBatch } from '@rocketcluster/protocol'
import { Popper } from '../../messaging/pop/testing/popper.ts'
import { type Fixture, propertiesOf, refusal, withBroker } from '../../testing/broker-fixture.ts'
import { compact, createTable, entriesOf, expire, newest, pull, put, readAll, SMALL_FILES } from './testing/table.ts'

const TOPIC = 'prices'
const HOUR_MS = 3_600_000

const minOf = async (fixture: Fixture, topic = TOPIC) =>
  (await fixture.ask(brokerRequests.getMinOffset, { topic, queueId: 0 })).offset
const maxOf = async (fixture: Fixture, topic = TOPIC) =>
  (await fixture.ask(brokerRequests.getMaxOffset, { topic, queueId: 0 })).offset

/** `rounds` values of each of `keys` keys, in turn. */
async function fill(fixture: Fixture, keys: number, rounds: number, topic = TOPIC): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (let key = 0; key < keys; key++) await put(fixture, topic, `k${key}`, `${key}:${round}`)
}

const withTable = (run: (fixture: Fixture) => Promise<void>, overrides = {}) =>
  withBroker(
    async fixture => {
      await createTable(fixture, TOPIC)
      await run(fixture)
    },
    { ...SMALL_FILES, ...overrides },
  )

describe('a compaction topic', () => {
  test(
    'keeps the newest message of each key, at its old offset',
    withTable(async fixture => {
      await fill(fixture, 10, 20)
      expect(await readAll(fixture, TOPIC)).toHaveLength(200)
      await compact(fixture)
      const entries = await readAll(fixture, TOPIC)
      expect(entries.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 10 }, (_, i) => 190 + i))
      expect(entries.map(({ value }) => value)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}:19`))
      expect(await minOf(fixture)).toBe(190)
      expect(await maxOf(fixture)).toBe(200)
    }),
  )

  test(
    'runs by itself at its interval, and again when there is as much new as old',
    withTable(
      async fixture => {
        await fill(fixture, 3, 5)
        await fixture.sim.sleep(70_000)
        expect(await readAll(fixture, TOPIC)).toHaveLength(3)
        await fill(fixture, 3, 5)
        expect(await readAll(fixture, TOPIC)).toHaveLength(18)
        await fixture.sim.sleep(70_000)
        expect((await readAll(fixture, TOPIC)).map(({ value }) => value)).toEqual(['0:4', '1:4', '2:4'])
      },
      { compactionScheduleInternal: 60_000 },
    ),
  )

  test(
    'gives the next message there is, and where to go on',
    withTable(async fixture => {
      await put(fixture, TOPIC, 'first', 'stays')
      await fill(fixture, 2, 30)
      await compact(fixture)
      const answer = await pull(fixture, TOPIC, 17)
      expect(answer).toMatchObject({ status: 'SUCCESS', minOffset: 0, maxOffset: 61, nextBeginOffset: 61 })
      expect(entriesOf(answer.body).map(({ queueOffset }) => queueOffset)).toEqual([59, 60])
      expect((await pull(fixture, TOPIC, 61)).status).toBe('PULL_NOT_FOUND')
      expect(await pull(fixture, TOPIC, 99)).toMatchObject({ status: 'PULL_OFFSET_MOVED', nextBeginOffset: 61 })
    }),
  )

  test(
    'goes over from what is compacted to what is new without a seam',
    withTable(async fixture => {
      await fill(fixture, 40, 3)
      await compact(fixture)
      await fill(fixture, 40, 1)
      const entries = await readAll(fixture, TOPIC)
      expect(entries).toHaveLength(80)
      expect(newest(entries).get('k7')).toBe('7:0')
      expect((await readAll(fixture, TOPIC, 100)).map(({ queueOffset }) => queueOffset)).toEqual(
        Array.from({ length: 60 }, (_, i) => 100 + i),
      )
    }),
  )

  test(
    'a message without a body takes its key away, and goes itself one run later',
    withTable(async fixture => {
      await put(fixture, TOPIC, 'gone', 'x')
      await put(fixture, TOPIC, 'stays', 'y')
      await put(fixture, TOPIC, 'gone', '')
      await put(fixture, TOPIC, 'last', 'z')
      expect(await readAll(fixture, TOPIC)).toHaveLength(4)
      await compact(fixture)
      expect((await readAll(fixture, TOPIC)).map(({ key, value }) => [key, value])).toEqual([
        ['stays', 'y'],
        ['gone', ''],
        ['last', 'z'],
      ])
      await fill(fixture, 10, 1)
      await compact(fixture)
      const keys = (await readAll(fixture, TOPIC)).map(({ key }) => key)
      expect(keys.slice(0, 3)).toEqual(['stays', 'last', 'k0'])
    }),
  )

  test(
    'the last message stays even without a body, so that the queue never seems shorter than it was',
    withTable(async fixture => {
      await put(fixture, TOPIC, 'gone', 'x')
      await put(fixture, TOPIC, 'gone', '')
      await compact(fixture)
      expect((await readAll(fixture, TOPIC)).map(({ value }) => value)).toEqual([''])
      expect(await maxOf(fixture)).toBe(2)
      const again = await fixture.restart('power')
      expect(await maxOf(again)).toBe(2)
      await put(again, TOPIC, 'other', 'y')
      await put(again, TOPIC, 'other', 'z'.repeat(200))
      await compact(again)
      expect((await readAll(again, TOPIC)).map(({ value }) => value)).toEqual(['z'.repeat(200)])
    }),
  )

  test.each(['kill', 'power', 'stop'] as const)('is the same after a restart (%s)', how =>
    withTable(
      async fixture => {
        await fill(fixture, 30, 10)
        await compact(fixture)
        await fill(fixture, 5, 1)
        const before = await readAll(fixture, TOPIC)
        const again = await fixture.restart(how)
        expect(await readAll(again, TOPIC)).toEqual(before)
        await fill(again, 30, 10)
        await compact(again)
        expect(await readAll(again, TOPIC)).toHaveLength(30)
      },
      { flushDiskType: 'SYNC_FLUSH' },
    )(),
  )

  test(
    'a queue with more keys than the memory holds takes several passes',
    withTable(
      async fixture => {
        await fill(fixture, 300, 4)
        await compact(fixture)
        const entries = await readAll(fixture, TOPIC)
        expect(entries).toHaveLength(300)
        expect(entries.every(({ value }) => value.endsWith(':3'))).toBe(true)
      },
      { maxOffsetMapSize: 2400 },
    ),
  )

  test(
    'what is compacted stays when the commit log has expired',
    withTable(async fixture => {
      for (let i = 0; i < 100; i++) await put(fixture, TOPIC, `k${i}`, 'v'.repeat(1000))
      await compact(fixture)
      for (let i = 0; i < 600; i++) await fixture.send('other', { body: 'x'.repeat(2000) })
      await fixture.sim.sleep(2000)
      await expire(fixture)
      expect(fixture.broker.services.store.minPhysicalOffset).toBeGreaterThan(500_000)
      expect(fixture.broker.services.store.logQueues.minOffset(TOPIC, 0)).toBe(100)
      expect(await readAll(fixture, TOPIC)).toHaveLength(100)
      expect(await minOf(fixture)).toBe(0)
      const again = await fixture.restart('power')
      expect(await readAll(again, TOPIC)).toHaveLength(100)
      await put(again, TOPIC, 'k5', 'new')
      expect((await readAll(again, TOPIC)).at(-1)).toEqual({ key: 'k5', value: 'new', queueOffset: 100 })
    }),
  )

  test(
    'a new group reads all of it, and finds it by time',
    withTable(async fixture => {
      const { world } = fixture.broker.services
      await fill(fixture, 5, 10)
      await fixture.sim.sleep(1000)
      const middle = world.clock.now()
      await fixture.sim.sleep(1000)
      await put(fixture, TOPIC, 'late', 'x')
      await compact(fixture)
      const query = { consumerGroup: 'NEW', topic: TOPIC, queueId: 0 }
      expect((await fixture.ask(brokerRequests.queryConsumerOffset, query)).offset).toBe(0)
      const search = async (timestamp: number, boundaryType?: 'LOWER' | 'UPPER') =>
        (
          await fixture.ask(brokerRequests.searchOffsetByTimestamp, {
            topic: TOPIC,
            queueId: 0,
            timestamp,
            boundaryType,
          })
        ).offset
      expect(await search(middle)).toBe(50)
      expect(await search(middle, 'UPPER')).toBe(49)
      expect(await search(0)).toBe(45)
      expect(await search(middle + HOUR_MS)).toBe(51)
      const stats = await fixture.ask(brokerRequests.getTopicStatsInfo, { topic: TOPIC })
      const [queue] = [...stats.body!.offsetTable!.values()]
      expect(queue).toMatchObject({ minOffset: 45, maxOffset: 51 })
      expect(queue!.lastUpdateTimestamp).toBeGreaterThan(middle)
    }),
  )

  test(
    'a held pull wakes up for a message, as on any topic',
    withTable(async fixture => {
      await fill(fixture, 2, 4)
      await compact(fixture)
      const waiting = fixture.ask(
        brokerRequests.pullMessage,
        {
          consumerGroup: 'CG',
          topic: TOPIC,
          queueId: 0,
          queueOffset: 8,
          maxMsgNums: 32,
          sysFlag: 6,
          commitOffset: 0,
          suspendTimeoutMillis: 15_000,
          subscription: '*',
          subVersion: 0,
          expressionType: 'TAG',
        },
        { timeoutMs: 30_000 },
      )
      await fixture.sim.sleep(500)
      await put(fixture, TOPIC, 'k', 'v')
      expect(entriesOf((await waiting).body)).toEqual([{ key: 'k', value: 'v', queueOffset: 8 }])
    }),
  )

  test(
    'pop gives what is there, and goes on behind it',
    withTable(async fixture => {
      await fill(fixture, 10, 5)
      await compact(fixture)
      const popper = new Popper(fixture, { topic: TOPIC, group: 'POP' })
      const popped = await popper.pop()
      expect(popped.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 10 }, (_, i) => 40 + i))
      for (const one of popped) await popper.ack(one)
      expect(await popper.pop()).toEqual([])
      await put(fixture, TOPIC, 'k1', 'new')
      expect((await popper.pop()).map(({ body }) => body)).toEqual(['new'])
    }),
  )

  test(
    'a message of a batch without a key refuses the batch',
    withTable(async fixture => {
      const batch = (...keys: string[]) =>
        fixture.ask(
          brokerRequests.sendBatchMessage,
          {
            producerGroup: 'PG',
            topic: TOPIC,
            defaultTopic: 'TBW102',
            defaultTopicQueueNums: 4,
            queueId: 0,
            sysFlag: 0,
            bornTimestamp: 1,
            flag: 0,
            properties: '',
            reconsumeTimes: 0,
            unitMode: false,
            batch: true,
          },
          {
            body: encodeBatch(
              keys.map(key => ({
                flag: 0,
                body: Buffer.from(key),
                properties: Buffer.from(propertiesOf({ KEYS: key })),
              })),
            ),
          },
        )
      expect(await refusal(batch('a', ' '))).toMatchObject({ status: 'MESSAGE_ILLEGAL' })
      await batch('a', 'b', 'a')
      await compact(fixture)
      expect((await readAll(fixture, TOPIC)).map(({ queueOffset }) => queueOffset)).toEqual([1, 2])
    }),
  )

  test(
    'tags filter what is compacted, too',
    withTable(async fixture => {
      for (let i = 0; i < 100; i++) await put(fixture, TOPIC, `k${i}`, `${i}`, 0, i % 10 === 3 ? 'b' : 'a')
      await compact(fixture)
      const answer = await pull(fixture, TOPIC, 0, 0, 'b')
      expect(entriesOf(answer.body)).toHaveLength(10)
    }),
  )
})

describe('what is refused', () => {
  test.each([
    ['no KEYS', ''],
    ['blank KEYS', propertiesOf({ KEYS: '  ' })],
  ])('%s', (_, properties) =>
    withTable(async fixture => {
      const { status, remark } = await refusal(fixture.send(TOPIC, { properties }))
      expect({ status, remark }).toEqual({ status: 'MESSAGE_ILLEGAL', remark: 'Required message key is missing' })
    })(),
  )

  test(
    'a message that no file can hold',
    withTable(async fixture => {
      const { status, remark } = await refusal(put(fixture, TOPIC, 'k', 'x'.repeat(11_000)))
      expect(status).toBe('MESSAGE_ILLEGAL')
      expect(remark).toMatch(/compactionMappedFileSize.*at most 10520 do/)
      await put(fixture, TOPIC, 'k', 'x'.repeat(10_400))
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toHaveLength(1)
    }),
  )

  test(
    'to change the policy of a topic that is there',
    withTable(async fixture => {
      await fixture.send('plain')
      expect(await refusal(createTable(fixture, 'plain'))).toMatchObject({ status: 'INVALID_PARAMETER' })
    }),
  )
})

describe('its files', () => {
  test(
    'go with the topic',
    withTable(async fixture => {
      await fill(fixture, 5, 20)
      await compact(fixture)
      const { disk } = fixture.host.world
      expect(await disk.list('/store/compaction/compactionLog')).toHaveLength(1)
      await fixture.ask(brokerRequests.deleteTopicInBroker, { topic: TOPIC })
      expect(await disk.list('/store/compaction/compactionLog')).toEqual([])
      expect(await disk.list('/store/compaction/compactionCq')).toEqual([])
      expect(Buffer.from(await disk.readFile('/store/compaction/position-checkpoint')).toString()).toBe(
        '{"queueOffsetMap":{}}',
      )
      await createTable(fixture, TOPIC)
      await put(fixture, TOPIC, 'k', 'new')
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toEqual([{ key: 'k', value: 'new', queueOffset: 0 }])
    }),
  )

  test(
    'damage to a message is mended from the commit log, while that has it',
    withTable(async fixture => {
      await fill(fixture, 30, 3)
      await compact(fixture)
      fixture.host.disk.flipBits('/store/compaction/compactionLog/prices/0/00000000000000000000', 1, 700)
      expect(await readAll(fixture, TOPIC)).toHaveLength(30)
      await fill(fixture, 30, 3)
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toHaveLength(30)
      expect(fixture.broker.services.store.stats.damagedRecords).toBe(0)
    }),
  )

  test(
    'a damaged queue file is made anew',
    withTable(async fixture => {
      await fill(fixture, 35, 3)
      await compact(fixture)
      const again = await fixture.restart('stop')
      again.host.disk.flipBits('/store/compaction/compactionCq/prices/0/00000000000000000000', 1, 46 * 7 + 30)
      expect(await readAll(again, TOPIC)).toHaveLength(35)
    }),
  )

  test(
    'alone are enough when the commit log has expired and its consume queues are gone',
    withTable(async fixture => {
      await fill(fixture, 20, 3)
      await compact(fixture)
      for (let i = 0; i < 600; i++) await fixture.send('other', { body: 'x'.repeat(2000) })
      await fixture.sim.sleep(2000)
      await expire(fixture)
      await fixture.broker.stop()
      await fixture.host.world.disk.removeTree('/store/consumequeue')
      const again = await fixture.restart('kill')
      expect(await readAll(again, TOPIC)).toHaveLength(20)
      expect(await put(again, TOPIC, 'k3', 'new')).toMatchObject({ queueOffset: 60 })
      expect(newest(await readAll(again, TOPIC)).get('k3')).toBe('new')
      const third = await again.restart('power')
      expect(newest(await readAll(third, TOPIC)).size).toBe(20)
    }),
  )

  test(
    'are made anew from the commit log when they are gone',
    withTable(async fixture => {
      await fill(fixture, 20, 3)
      await compact(fixture)
      await fixture.broker.stop()
      await fixture.host.world.disk.removeTree('/store/compaction')
      const again = await fixture.restart('kill')
      expect(await readAll(again, TOPIC)).toHaveLength(60)
      await compact(again)
      expect(await readAll(again, TOPIC)).toHaveLength(20)
    }),
  )

  test(
    'are compacted from the beginning when nobody knows how far they were',
    withTable(async fixture => {
      await fill(fixture, 20, 3)
      await compact(fixture)
      await fixture.broker.stop()
      const { disk } = fixture.host.world
      const file = await disk.open('/store/compaction/position-checkpoint', 'readWrite')
      await file.write([Buffer.from('no JSON')], 0)
      await file.close()
      await disk.remove('/store/compaction/position-checkpoint.bak')
      const again = await fixture.restart('kill')
      expect(newest(await readAll(again, TOPIC)).size).toBe(20)
      await compact(again)
      expect(await readAll(again, TOPIC)).toHaveLength(20)
    }),
  )

  test(
    'are read for what the commit log has lost before the consume queue hears of it',
    withTable(async fixture => {
      for (let i = 0; i < 60; i++) await put(fixture, TOPIC, `k${i}`, 'v'.repeat(1000))
      for (let i = 0; i < 600; i++) await fixture.send('other', { body: 'x'.repeat(2000) })
      await put(fixture, TOPIC, 'last', 'x')
      await fixture.sim.sleep(3000)
      const again = await fixture.restart('stop')
      const heal = again.host.disk.fail({ on: 'read', path: '/store/consumequeue/prices' })
      await expire(again).catch(() => {})
      heal()
      const { store } = again.broker.services
      expect(store.logQueues.minOffset(TOPIC, 0)).toBe(0)
      expect(store.minPhysicalOffset).toBeGreaterThan(100_000)
      expect(await readAll(again, TOPIC)).toHaveLength(61)
    }),
  )

  test(
    'that an interrupted deletion has left do not come back with a topic of the same name',
    withTable(async fixture => {
      await fill(fixture, 20, 3)
      await compact(fixture)
      const heal = fixture.host.disk.fail({ on: 'remove', path: '/store/compaction/compactionLog' })
      await refusal(fixture.ask(brokerRequests.deleteTopicInBroker, { topic: TOPIC }))
      const again = await fixture.restart('kill')
      heal()
      expect(await again.host.world.disk.list('/store/compaction/compactionLog')).toHaveLength(1)
      await createTable(again, TOPIC)
      await put(again, TOPIC, 'k', 'new')
      await compact(again)
      expect(await readAll(again, TOPIC)).toEqual([{ key: 'k', value: 'new', queueOffset: 0 }])
    }),
  )

  const paths = (name: string) => ['Log', 'Cq'].map(kind => `/store/compaction/compaction${kind}/prices/0/${name}`)

  test.each([
    ['before new files have moved up', true],
    ['when all log files have, and no queue file', false],
  ])('that an Apache broker was killed over: %s', (_, isEarly) =>
    withTable(async fixture => {
      await fill(fixture, 60, 2)
      await fixture.sim.sleep(2000)
      await fixture.broker.services.compaction!.copy()
      const before = await readAll(fixture, TOPIC)
      const { disk } = fixture.host.world
      const [log, cq] = paths('00000000000000000000') as [string, string]
      const content = Buffer.from(await disk.readFile(log))
      await fixture.broker.stop()
      const writeFile = async (path: string, bytes: Uint8Array) => {
        await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
        const file = await disk.open(path, 'create')
        await file.write([bytes], 0)
        await file.sync()
        await file.close()
      }
      await disk.rename(log, `${log}.delete`)
      // A compaction that has kept the first file as it is; its queue file is not there yet.
      if (isEarly) await writeFile(log.replace('/0/', '/0/compacting/'), content.subarray(0, 500))
      else {
        await writeFile(log, content)
        await writeFile(cq.replace('/0/', '/0/compacting/'), Buffer.from(await disk.readFile(cq)))
      }
      const again = await fixture.restart('kill')
      const names = (await again.host.world.disk.list('/store/compaction/compactionLog/prices/0')).map(
        ({ name }) => name,
      )
      expect(names.every(name => /^\d{20}$/.test(name))).toBe(true)
      expect(await readAll(again, TOPIC)).toEqual(before)
      await compact(again)
      expect(await readAll(again, TOPIC)).toHaveLength(60)
    })(),
  )

  test(
    'of another size than is configured stop the broker, and are left as they are',
    withTable(async fixture => {
      await fill(fixture, 5, 2)
      await compact(fixture)
      await fixture.broker.stop()
      const [log] = paths('00000000000000000000') as [string]
      const file = await fixture.host.world.disk.open(log, 'readWrite')
      await file.truncate(20_000)
      await file.close()
      await expect(fixture.restart('kill')).rejects.toThrow(/has 20000 bytes; compactionMappedFileSize comes to 11040/)
    }),
  )

  test(
    'a full disk during a compaction leaves what there was',
    withTable(async fixture => {
      await fill(fixture, 10, 20)
      const heal = fixture.host.disk.fail({ on: 'write', path: /compacting/, code: 'ENOSPC' })
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toHaveLength(200)
      heal()
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toHaveLength(10)
    }),
  )

  test(
    'files that cannot be moved are read where they are, and moved later',
    withTable(async fixture => {
      await fill(fixture, 60, 5)
      const heal = fixture.host.disk.fail({ on: 'rename', path: /compacting.*0$/, code: 'EIO' })
      await compact(fixture)
      expect(await readAll(fixture, TOPIC)).toHaveLength(60)
      await fill(fixture, 10, 1)
      heal()
      await compact(fixture)
      expect((await readAll(fixture, TOPIC)).length).toBeLessThanOrEqual(70)
      const again = await fixture.restart('power')
      expect(newest(await readAll(again, TOPIC)).size).toBe(60)
    }),
  )
})

test(
  'without enableCompaction the topic is read as any other',
  withTable(
    async fixture => {
      await fill(fixture, 5, 20)
      expect(fixture.broker.services.compaction).toBeUndefined()
      await fixture.sim.sleep(HOUR_MS / 2)
      expect(await readAll(fixture, TOPIC)).toHaveLength(100)
    },
    { enableCompaction: false },
  ),
)
