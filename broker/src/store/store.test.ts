import { describe, expect, test } from '@jest/globals'
import { recordBody, recordQueueOffset, recordStarts, recordTopic } from '@rocketcluster/protocol/internal'
import { type SimHost, type Simulation, simulation } from '@rocketcluster/world/sim'
import { Checkpoint } from './checkpoint.ts'
import { type StoreConfig, storeConfig } from './config.ts'
import { ConsumeQueues } from './consume-queues.ts'
import { Store } from './store.ts'
import type { Arrival, GetMessageResult, MessageToStore } from './types.ts'

const ROOT = '/store'
const HOST = Buffer.from([10, 0, 0, 1, 0, 0, 0, 80])

function message(given: Partial<MessageToStore> = {}): MessageToStore {
  return {
    topic: 'T',
    queueId: 0,
    flag: 7,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from('hello'),
    properties: Buffer.from('TAGS\x01a\x02'),
    tagsCode: 97,
    ...given,
  }
}

const SMALL: Partial<StoreConfig> = {
  mappedFileSizeCommitLog: 8192,
  mappedFileSizeConsumeQueue: 20 * 16,
  maxMessageSize: 6000,
  maxHashSlotNum: 10,
  maxIndexNum: 1000,
  hotTailBytes: 4096,
  hotTailSlabBytes: 1024,
  coldReadBlockBytes: 2048,
}

/** A machine with an open store; what `work` leaves open dies with the machine. */
function withStore(
  given: Partial<StoreConfig>,
  work: (store: Store, host: SimHost, sim: Simulation) => Promise<void>,
): Promise<void> {
  const sim = simulation(7)
  return sim.run(async () => {
    const host = sim.host('host', { clockOffsetMs: 0, clockDriftPpm: 0 })
    const store = await Store.open(host.world, storeConfig({ storePathRootDir: ROOT, ...SMALL, ...given }))
    await work(store, host, sim)
  })
}

async function fill(store: Store, count: number, given: Partial<MessageToStore> = {}): Promise<void> {
  for (let i = 0; i < count; i++) await store.put(message({ body: Buffer.from(`m${i}`.padEnd(100, '.')), ...given }))
}

/** Asks, lets go, and says what came: bodies up to their padding, and the numbers. */
async function get(store: Store, queueOffset: number, given: object = {}) {
  const found = await store.getMessage({ topic: 'T', queueId: 0, queueOffset, maxCount: 32, ...given })
  const { status, nextBeginOffset, minOffset, maxOffset, messageCount } = found
  const answer = { status, nextBeginOffset, minOffset, maxOffset, messageCount, bodies: bodies(found) }
  found.release()
  return answer
}

function bodies(found: GetMessageResult): string[] {
  return found.records.flatMap(slice =>
    recordStarts(slice as Buffer).map(at =>
      recordBody(slice as Buffer, at)
        .toString()
        .replaceAll('.', ''),
    ),
  )
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `m${from + i}`)

describe('append', () => {
  test('places a message and makes it readable, with its arrival, when the write has returned', () =>
    withStore({}, async store => {
      const arrivals: Arrival[] = []
      store.onArrival = some => void arrivals.push(...some)
      const first = store.append(message())
      const second = store.append(message({ queueId: 3 }))
      expect(first).toMatchObject({ physicalOffset: 0, queueOffset: 0 })
      expect(second).toMatchObject({ physicalOffset: first.sizeBytes, queueOffset: 0 })
      expect(store.maxOffset('T', 0)).toBe(0)
      const end = second.physicalOffset + second.sizeBytes
      expect(store.committed(end, true)).toBe(store.committed(first.sizeBytes, true))
      expect(await store.committed(end, true)).toBe('PUT_OK')
      expect(store.maxOffset('T', 0)).toBe(1)
      expect(store.committedOffset).toBe(end)
      expect(
        arrivals.map(({ topic, queueId, maxOffset, tagsCode }) => ({ topic, queueId, maxOffset, tagsCode })),
      ).toEqual([
        { topic: 'T', queueId: 0, maxOffset: 1, tagsCode: 97 },
        { topic: 'T', queueId: 3, maxOffset: 1, tagsCode: 97 },
      ])
    }))

  test('copies: the caller may reuse its buffers at once', () =>
    withStore({}, async store => {
      const body = Buffer.from('keep me')
      const { physicalOffset, sizeBytes } = store.append(message({ body }))
      body.fill(0)
      await store.committed(physicalOffset + sizeBytes, true)
      expect((await get(store, 0)).bodies).toEqual(['keep me'])
    }))

  test('refuses what is too large, by name and number', () =>
    withStore({ maxMessageSize: 1000, mappedFileSizeCommitLog: 40_000 }, async store => {
      const refused = (given: Partial<MessageToStore>, why: RegExp) =>
        expect(() => store.append(message(given))).toThrow(why)
      refused({ body: Buffer.alloc(1001) }, /body of 1001 bytes exceeds maxMessageSize 1000/)
      refused({ properties: Buffer.alloc(32768) }, /properties of 32768 bytes exceed the most allowed, 32767/)
      refused({ topic: 'x'.repeat(256) }, /topic of 256 bytes; allowed are 1 to 255/)
      refused({ topic: '../etc' }, /topic "..\/etc" cannot be the name of a directory/)
      refused({ queueId: -1 }, /queueId -1 .* allowed are queueIds from 0/)
      refused({ bornHost: Buffer.alloc(6) }, /bornHost of 6 bytes/)
      const zeros = (length: number, ...at: number[]) => Buffer.alloc(length, 'x').fill(0, ...at)
      refused({ properties: zeros(9, 0, 1) }, /properties begin or end with a zero byte/)
      refused({ properties: zeros(9, 8) }, /properties begin or end with a zero byte/)
      refused({ properties: zeros(600, 50, 50 + 512) }, /or hold 512 in a row/)
      expect(store.stats.putFailed).toBe(9)
      store.append(message({ properties: zeros(600, 50, 50 + 511) }))
      expect(store.append(message())).toMatchObject({ queueOffset: 1 })
    }))

  test('keeps a batch together: all or none, in one file', () =>
    withStore({}, async store => {
      await fill(store, 30)
      const batch = Array.from({ length: 25 }, (_, i) => message({ body: Buffer.from(`m${30 + i}`.padEnd(100, '.')) }))
      const placed = store.appendBatch(batch)
      expect(placed.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 25 }, (_, i) => 30 + i))
      expect(placed[0]!.physicalOffset % 8192).toBe(0)
      for (let i = 1; i < 25; i++)
        expect(placed[i]!.physicalOffset).toBe(placed[i - 1]!.physicalOffset + placed[i - 1]!.sizeBytes)
      const end = store.maxPhysicalOffset
      expect(() => store.appendBatch([message(), message({ body: Buffer.alloc(6001) })])).toThrow(/maxMessageSize/)
      expect(store.maxPhysicalOffset).toBe(end)
      await store.committed(end, true)
      expect(store.maxOffset('T', 0)).toBe(55)
    }))

  test('gives prepared and rolled-back messages no place in a queue', () =>
    withStore({}, async store => {
      const { physicalOffset, queueOffset } = await store.put(message({ sysFlag: 0x4 }))
      await store.put(message({ sysFlag: 0xc }))
      await store.put(message({ sysFlag: 0x8 }))
      expect(queueOffset).toBe(0)
      expect(store.maxOffset('T', 0)).toBe(1)
      expect(recordQueueOffset((await store.readRecord(physicalOffset))!, 0)).toBe(0)
    }))

  test('says SYSTEM_BUSY when the disk does not follow, and goes on when it does', () =>
    withStore({ maxMessageSize: 1000, mappedFileSizeCommitLog: 100_000 }, async store => {
      // Everything in one turn: no write can start.
      expect(() => {
        for (;;) store.append(message({ body: Buffer.alloc(1000) }))
      }).toThrow(/\[PC_SYNCHRONIZED\]broker busy/)
      await store.committed(store.maxPhysicalOffset, true)
      await store.put(message())
    }))
})

describe('committed', () => {
  test('SYNC_FLUSH waits for the sync, unless told not to', () =>
    withStore({ flushDiskType: 'SYNC_FLUSH' }, async store => {
      const { sizeBytes } = store.append(message())
      const order: string[] = []
      const durable = store
        .committed(sizeBytes, true)
        .then(() => order.push(`durable ${store.flushedOffset === sizeBytes}`))
      const written = store.committed(sizeBytes, false).then(() => order.push(`written ${store.flushedOffset === 0}`))
      await Promise.all([durable, written])
      expect(order).toEqual(['written true', 'durable true'])
    }))

  test('SYNC_FLUSH answers FLUSH_DISK_TIMEOUT when the sync takes too long, and stores all the same', async () => {
    const sim = simulation(8)
    await sim.run(async () => {
      const host = sim.host('host', { diskLatency: { io: [0.1, 0.2], sync: [200, 300] } })
      const config = storeConfig({
        storePathRootDir: ROOT,
        ...SMALL,
        flushDiskType: 'SYNC_FLUSH',
        syncFlushTimeout: 100,
      })
      const store = await Store.open(host.world, config)
      expect(await store.put(message())).toMatchObject({ status: 'FLUSH_DISK_TIMEOUT' })
      await sim.sleep(5000)
      expect(store.maxOffset('T', 0)).toBe(1)
    })
  })

  test('refuses an offset that nothing has', () =>
    withStore({}, async store => {
      await expect(store.committed(1, true)).rejects.toThrow('nothing was stored before 1')
    }))
})

describe('getMessage', () => {
  test('says why there is nothing, and where to go on', () =>
    withStore({}, async store => {
      expect(await get(store, 5)).toMatchObject({ status: 'NO_MATCHED_LOGIC_QUEUE', nextBeginOffset: 0 })
      store.append(message())
      expect(await get(store, 5)).toMatchObject({ status: 'NO_MESSAGE_IN_QUEUE', nextBeginOffset: 0 })
      await store.committed(store.maxPhysicalOffset, true)
      expect(await get(store, 1)).toMatchObject({ status: 'OFFSET_OVERFLOW_ONE', nextBeginOffset: 1, maxOffset: 1 })
      expect(await get(store, 9)).toMatchObject({ status: 'OFFSET_OVERFLOW_BADLY', nextBeginOffset: 1 })
      expect(await get(store, -1)).toMatchObject({ status: 'OFFSET_TOO_SMALL', nextBeginOffset: 0 })
    }))

  test('a slave leaves wrong offsets alone, unless offsetCheckInSlave', () =>
    withStore({ brokerRole: 'SLAVE' }, async store => {
      await store.put(message())
      expect(await get(store, 9)).toMatchObject({ status: 'OFFSET_OVERFLOW_BADLY', nextBeginOffset: 9 })
    }))

  test('gives all messages in order from hot memory and from the disk, across files', () =>
    withStore({}, async (store, host) => {
      await fill(store, 300)
      for (const when of ['hot', 'cold']) {
        if (when === 'cold') await store.close()
        const from = when === 'hot' ? store : await Store.open(host.world, store.config)
        const all: string[] = []
        for (let queueOffset = 0; queueOffset < 300; ) {
          const { status, bodies, nextBeginOffset } = await get(from, queueOffset)
          expect(status).toBe('FOUND')
          all.push(...bodies)
          queueOffset = nextBeginOffset
        }
        expect(all).toEqual(ids(0, 300))
      }
    }))

  test('is synchronous, and one slice, for neighbours in the hot tail', () =>
    withStore({}, async store => {
      await fill(store, 4)
      const found = store.getMessage({ topic: 'T', queueId: 0, queueOffset: 1, maxCount: 32 }) as GetMessageResult
      expect(found).not.toBeInstanceOf(Promise)
      expect(found.records).toHaveLength(1)
      expect(bodies(found)).toEqual(ids(1, 4))
      found.release()
    }))

  test('leaves what a reader holds untouched however far the log goes on', () =>
    withStore({}, async store => {
      await fill(store, 3)
      const held = store.getMessage({ topic: 'T', queueId: 0, queueOffset: 0, maxCount: 3 }) as GetMessageResult
      await fill(store, 200, { topic: 'other' })
      expect(bodies(held)).toEqual(ids(0, 3))
      held.release()
    }))

  test('keeps to the limits: count, bytes, and those for memory and disk', async () => {
    await withStore({}, async store => {
      await fill(store, 50)
      expect((await get(store, 0, { maxCount: 5 })).messageCount).toBe(5)
      expect((await get(store, 0, { maxBytes: 500 })).messageCount).toBe(2)
      expect((await get(store, 0, { maxBytes: 1 })).messageCount).toBe(1)
      expect((await get(store, 0, { maxCount: 100 })).messageCount).toBe(32)
    })
    await withStore({ maxTransferBytesOnMessageInMemory: 1000 }, async store => {
      await fill(store, 50)
      expect((await get(store, 0)).messageCount).toBe(5)
    })
    await withStore({ physicalMemoryBytes: 2000 }, async store => {
      await fill(store, 50)
      expect((await get(store, 0)).messageCount).toBe(8)
      const found = await store.getMessage({ topic: 'T', queueId: 0, queueOffset: 0, maxCount: 1 })
      expect(found.suggestPullingFromSlave).toBe(true)
      found.release()
    })
  })

  test('filters by entry and by record, and moves on past what does not match', () =>
    withStore({}, async store => {
      for (let i = 0; i < 20; i++) await store.put(message({ tagsCode: i % 2, body: Buffer.from(`m${i}`) }))
      const even = { byEntry: (tagsCode: number) => tagsCode === 0 }
      expect(await get(store, 0, { filter: even, maxCount: 3 })).toMatchObject({
        bodies: ['m0', 'm2', 'm4'],
        nextBeginOffset: 5,
      })
      const none = { byEntry: () => false }
      expect(await get(store, 0, { filter: none })).toMatchObject({ status: 'NO_MATCHED_MESSAGE', nextBeginOffset: 20 })
      const one = {
        byEntry: () => true,
        byRecord: (record: Uint8Array) => recordBody(record as Buffer, 0).toString() === 'm7',
      }
      expect(await get(store, 0, { filter: one })).toMatchObject({ status: 'FOUND', bodies: ['m7'] })
    }))

  test('skips messages whose file has been deleted, and corrects the queue', () =>
    withStore({ fileReservedTime: 0 }, async (store, host, sim) => {
      await fill(store, 100)
      await sim.sleep(3000)
      expect(await store.deleteExpiredFiles()).toBeGreaterThan(0)
      const min = store.minOffset('T', 0)
      expect(min).toBeGreaterThan(0)
      expect(store.minPhysicalOffset).toBeGreaterThan(0)
      expect(await get(store, 0)).toMatchObject({ status: 'OFFSET_TOO_SMALL', nextBeginOffset: min })
      expect((await get(store, min)).bodies[0]).toBe(`m${min}`)
      expect(await store.readRecord(0)).toBeUndefined()
      expect(await store.earliestStoreTimestamp()).toBe(await store.storeTimestampAt('T', 0, min))
      await store.close()
      const again = await Store.open(host.world, store.config)
      expect(again.minOffset('T', 0)).toBe(min)
    }))

  test('tells the caller when the disk cannot be read', () =>
    withStore({}, async (store, host) => {
      await fill(store, 100)
      host.disk.fail({ on: 'read', path: '/store/commitlog/' })
      await expect(get(store, 0)).rejects.toThrow(/reading messages failed: .*EIO/)
      expect((await get(store, 99)).bodies).toEqual(['m99'])
    }))

  test('a full disk heals, a failed one needs a restart, and the store says which', () =>
    withStore({}, async (store, host) => {
      expect(store.deadReason).toBeUndefined()
      host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC', times: 1 })
      await expect(store.put(message())).rejects.toThrow(/ENOSPC/)
      expect(store.deadReason).toBeUndefined()
      await host.world.clock.sleep(60_000)
      await store.put(message())
      host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'EIO', times: 1 })
      await expect(store.put(message())).rejects.toThrow(/EIO/)
      expect(store.deadReason).toMatch(/EIO/)
    }))
})

describe('other ways to find a message', () => {
  test('readRecord: by its offset, hot or cold; nothing from anywhere else', () =>
    withStore({}, async store => {
      const places = []
      for (let i = 0; i < 60; i++)
        places.push((await store.put(message({ body: Buffer.alloc(i * 90, 'x') }))).physicalOffset)
      for (const [i, physicalOffset] of places.entries()) {
        const record = (await store.readRecord(physicalOffset))!
        expect(recordTopic(record, 0)).toBe('T')
        expect(recordBody(record, 0)).toHaveLength(i * 90)
      }
      for (const offset of [-1, 1, 0.5, Number.NaN, store.maxPhysicalOffset, store.maxPhysicalOffset - 1, 1e15])
        expect(await store.readRecord(offset)).toBeUndefined()
    }))

  test('offsetByTime: both boundaries, between, before and after all messages', () =>
    withStore({}, async (store, _host, sim) => {
      const stored: number[] = []
      for (let i = 0; i < 40; i++) {
        stored.push((await store.put(message())).storeTimestamp)
        if (i % 4 === 3) await sim.sleep(100)
      }
      const times = [...new Set(stored)]
      for (const time of [...times, ...times.map(t => t + 1), ...times.map(t => t - 1), 0, times.at(-1)! + 1000]) {
        const lower = stored.findIndex(t => t >= time)
        expect(await store.offsetByTime('T', 0, time, 'LOWER')).toBe(lower < 0 ? 40 : lower)
        const upper = stored.findLastIndex(t => t <= time)
        expect(await store.offsetByTime('T', 0, time, 'UPPER')).toBe(Math.max(upper, 0))
      }
      expect(await store.offsetByTime('nobody', 0, 5, 'LOWER')).toBe(0)
      expect(await store.storeTimestampAt('T', 0, 40)).toBe(-1)
    }))

  test('queryIndex: by unique key and by each key', () =>
    withStore({}, async store => {
      const { physicalOffset } = await store.put(message({ uniqKey: 'U1', keys: 'red green' }))
      for (const key of ['U1', 'red', 'green'])
        expect((await store.queryIndex('T', key, 10, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).toEqual([
          physicalOffset,
        ])
      expect((await store.queryIndex('T', 'blue', 10, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).toEqual([])
    }))

  test('deleteTopic: forgets the queues, and gives offsets from 0 again', () =>
    withStore({}, async store => {
      await fill(store, 3)
      await fill(store, 2, { topic: 'other' })
      await store.deleteTopic('T')
      expect([...store.topics()]).toEqual([{ topic: 'other', queueIds: [0] }])
      expect(store.maxOffset('T', 0)).toBe(0)
      expect(await store.put(message())).toMatchObject({ queueOffset: 0 })
    }))

  test('deleteTopic: what is still on its way into the log does not take the places of what comes later', () =>
    withStore({}, async (store, host) => {
      await fill(store, 3)
      const arrivals: Arrival[] = []
      store.onArrival = found => arrivals.push(...found)
      const late = store.append(message({ body: Buffer.from('late') }))
      const deleted = store.deleteTopic('T')
      const first = store.append(message({ body: Buffer.from('first') }))
      expect([late.queueOffset, first.queueOffset]).toEqual([3, 0])
      await store.committed(first.physicalOffset + first.sizeBytes, true)
      await deleted
      await store.put(message({ body: Buffer.from('second') }))
      expect((await get(store, 0)).bodies).toEqual(['first', 'second'])
      expect(arrivals.map(({ maxOffset }) => maxOffset)).toEqual([1, 2])
      await store.close()
      expect((await get(await Store.open(host.world, store.config), 0)).bodies).toEqual(['first', 'second'])
    }))

  test('deleteTopic amid a write that fails: what is stored afterwards can be read', async () => {
    const sim = simulation(11)
    await sim.run(async () => {
      const host = sim.host('host')
      const config = storeConfig({ storePathRootDir: ROOT, ...SMALL, cleanResourceInterval: 100 })
      const store = await Store.open(host.world, config)
      await fill(store, 3)
      host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC', times: 1 })
      const late = store.append(message({ body: Buffer.alloc(2000, 'x') }))
      const deleted = store.deleteTopic('T')
      await expect(store.committed(late.physicalOffset + late.sizeBytes, true)).rejects.toThrow(/ENOSPC/)
      await deleted
      await sim.sleep(3000)
      expect(await store.put(message())).toMatchObject({ queueOffset: 0 })
      expect((await get(store, 0)).bodies).toEqual(['hello'])
    })
  })

  test('entries of SCHEDULE_TOPIC_XXXX carry the time of delivery, also after a rebuild', () =>
    withStore({}, async (store, host) => {
      const delayed = message({ topic: 'SCHEDULE_TOPIC_XXXX', queueId: 2, properties: Buffer.from('DELAY\x013\x02') })
      const { storeTimestamp } = await store.put(delayed)
      const seen = new Set<number>()
      const filter = { byEntry: (tagsCode: number) => seen.add(tagsCode) !== undefined }
      await get(store, 0, { topic: 'SCHEDULE_TOPIC_XXXX', queueId: 2, filter })
      await store.close()
      await host.world.disk.removeTree('/store/consumequeue')
      const again = await Store.open(host.world, store.config)
      await get(again, 0, { topic: 'SCHEDULE_TOPIC_XXXX', queueId: 2, filter })
      expect([...seen]).toEqual([storeTimestamp + 10_000])
    }))
})

test('a flush that is asked for amid a group does not vouch for half of it', () =>
  withStore({ flushDiskType: 'SYNC_FLUSH', flushIntervalConsumeQueue: 3_600_000 }, async (store, host, sim) => {
    const put = ConsumeQueues.prototype.put
    ConsumeQueues.prototype.put = function (...entry) {
      put.apply(this, entry)
      if (entry[2] === 1) this.onNeedsFlush()
    }
    try {
      await Promise.all(Array.from({ length: 5 }, () => store.put(message())))
    } finally {
      ConsumeQueues.prototype.put = put
    }
    await sim.sleep(500)
    const checkpoint = await Checkpoint.open(host.world.disk, ROOT)
    expect(checkpoint.vouched).toMatchObject({ vouchedOffset: store.maxPhysicalOffset, entryCount: 5 })
  }))

describe('a full disk', () => {
  test('stops the writers above diskSpaceWarningLevelRatio, and lets them go on below', async () => {
    const sim = simulation(9)
    await sim.run(async () => {
      const host = sim.host('host', { diskBytes: 2 ** 20 })
      const store = await Store.open(
        host.world,
        storeConfig({ storePathRootDir: ROOT, ...SMALL, cleanResourceInterval: 100 }),
      )
      await store.put(message())
      const hog = await host.world.disk.open('/hog', 'create')
      await hog.write([Buffer.alloc(1_000_000)], 0)
      await sim.sleep(200)
      expect(store.writable).toEqual({
        ok: false,
        reason: expect.stringMatching(/is 9\d\.\d % full; diskSpaceWarningLevelRatio is 90/),
      })
      expect(() => store.append(message())).toThrow(/service not available now.*% full/)
      expect((await get(store, 0)).status).toBe('FOUND')
      await hog.truncate(0)
      await sim.sleep(200)
      expect(store.writable).toEqual({ ok: true })
      await store.put(message())
    })
  })

  test('really full: loses nothing, and goes on by itself when there is space', async () => {
    const sim = simulation(10)
    await sim.run(async () => {
      const host = sim.host('host', { diskBytes: 300_000 })
      const config = storeConfig({
        storePathRootDir: ROOT,
        ...SMALL,
        cleanResourceInterval: 100,
        diskSpaceWarningLevelRatio: 100,
        cleanFileForciblyEnable: false,
      })
      const store = await Store.open(host.world, config)
      const hog = await host.world.disk.open('/hog', 'create')
      await hog.write([Buffer.alloc(100_000)], 0)
      let stored = 0
      const fillUp = async () => {
        for (;;) {
          await store.put(message({ body: Buffer.alloc(1000, 'x') }))
          stored++
        }
      }
      await expect(fillUp()).rejects.toThrow(/ENOSPC/)
      expect(store.maxOffset('T', 0)).toBe(stored)
      await hog.truncate(0)
      await sim.sleep(3000)
      expect(store.writable).toEqual({ ok: true })
      expect(await store.put(message())).toMatchObject({ queueOffset: stored })
    })
  })
})

test('too many open files while a log file is made: refuses, and goes on by itself', async () => {
  const sim = simulation(12)
  await sim.run(async () => {
    const host = sim.host('host')
    const config = storeConfig({ storePathRootDir: ROOT, ...SMALL, cleanResourceInterval: 100 })
    const store = await Store.open(host.world, config)
    await store.put(message())
    const mend = host.disk.fail({ on: 'open', path: '/store/commitlog/', code: 'EMFILE' })
    let stored = 1
    const fillUp = async () => {
      for (; stored < 20; stored++) await store.put(message({ body: Buffer.alloc(1000, 'x') }))
    }
    await expect(fillUp()).rejects.toThrow(/EMFILE/)
    mend()
    await sim.sleep(3000)
    expect(store.writable).toEqual({ ok: true })
    expect(await store.put(message())).toMatchObject({ queueOffset: stored })
  })
})

test('several who ask for deletion at once do not delete more than has expired', () => {
  const sim = simulation(13, { maxVirtualMs: 3 * 3_600_000 })
  return sim.run(async () => {
    const given = { fileReservedTime: 1, deleteFileBatchMax: 3, deleteWhen: [], cleanResourceInterval: 3_600_000 }
    const store = await Store.open(sim.host('host').world, storeConfig({ storePathRootDir: ROOT, ...SMALL, ...given }))
    while (store.maxPhysicalOffset < 4 * 8192 + 100) await store.put(message())
    await sim.sleep(2 * 3_600_000)
    while (store.maxPhysicalOffset < 9 * 8192) await store.put(message())
    await sim.sleep(2000)
    await Promise.all([1, 2, 3, 4].map(() => store.deleteExpiredFiles()))
    expect(store.minPhysicalOffset).toBe(4 * 8192)
  })
})

test('the last log file is kept also when the log ends before the next one, lest offsets begin anew', () =>
  withStore({ fileReservedTime: 0, deleteFileBatchMax: 100 }, async (store, host) => {
    const places: number[] = []
    for (let i = 0; i < 100; i++) places.push((await store.put(message())).physicalOffset)
    await store.close()
    // The process died when it had filled up a file and not yet begun the next one.
    const last = (await host.world.disk.list('/store/commitlog'))
      .filter(file => Number(file.name) <= places[99]!)
      .at(-1)!
    const end = Number(last.name)
    const max = places.filter(place => place < end).length
    for (const { name } of await host.world.disk.list('/store/commitlog'))
      if (Number(name) >= end) await host.world.disk.remove(`/store/commitlog/${name}`)
    await host.world.disk.remove('/store/checkpoint')
    const again = await Store.open(host.world, store.config)
    expect(again.maxPhysicalOffset).toBe(end)
    await again.deleteExpiredFiles()
    await again.close()
    const third = await Store.open(host.world, store.config)
    expect([third.maxPhysicalOffset, third.maxOffset('T', 0)]).toEqual([end, max])
  }))

describe('close', () => {
  test('writes what is under way and refuses what comes later', () =>
    withStore({}, async (store, host) => {
      const { sizeBytes } = store.append(message())
      const committed = store.committed(sizeBytes, true)
      const closing = store.close()
      expect(() => store.append(message())).toThrow(/the broker is shutting down/)
      expect(await committed).toBe('PUT_OK')
      await closing
      await store.close()
      const again = await Store.open(host.world, store.config)
      expect(again.maxOffset('T', 0)).toBe(1)
    }))
})

test('storeConfig names the key, the value and what is allowed', () => {
  const make = (given: Partial<StoreConfig>) => () => storeConfig({ storePathRootDir: ROOT, ...given })
  expect(make({ mappedFileSizeConsumeQueue: 30 })).toThrow(
    'mappedFileSizeConsumeQueue is 30; allowed are multiples of 20',
  )
  expect(make({ flushIntervalCommitLog: 0 })).toThrow(
    'flushIntervalCommitLog is 0; allowed are integers from 1 to 3600000',
  )
  expect(make({ deleteWhen: [24] })).toThrow('deleteWhen is 24; allowed are hours from 0 to 23')
  expect(make({ storePathCommitLog: '/a,/b' })).toThrow(
    'storePathCommitLog is /a,/b; allowed is one directory, not a list',
  )
  expect(make({ storeHost: new Uint8Array(5) })).toThrow('storeHost has 5 bytes; allowed are 8 (IPv4) and 20 (IPv6)')
})
