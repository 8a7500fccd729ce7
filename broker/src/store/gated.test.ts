import { describe, expect, test } from '@jest/globals'
import { getLong } from '@rocketcluster/protocol/internal'
import { type SimHost, type Simulation, simulation } from '@rocketcluster/world/sim'
import { storeConfig } from './config.ts'
import { Store } from './store.ts'

const settings = (given: object = {}) =>
  storeConfig({
    storePathRootDir: '/store',
    mappedFileSizeCommitLog: 2048,
    mappedFileSizeConsumeQueue: 20 * 8,
    maxHashSlotNum: 10,
    maxIndexNum: 100,
    hotTailBytes: 8192,
    hotTailSlabBytes: 2048,
    coldReadBlockBytes: 1024,
    fileReservedTime: 1000,
    flushIntervalConsumeQueue: 3_600_000,
    ...given,
  })

function message(id: string) {
  return {
    topic: 'T',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: Buffer.from([10, 0, 0, 1, 0, 0, 0, 80]),
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(id.padEnd(40, '.')),
    properties: Buffer.from(`UNIQ_KEY\x01${id}\x02TAGS\x01a\x02`),
    tagsCode: 97,
    uniqKey: id,
    keys: undefined,
  }
}

interface Place {
  readonly physicalOffset: number
  readonly end: number
  readonly queueOffset: number
}

/** Appends, and waits until the disk has it. */
async function append(store: Store, count: number, name = 'm'): Promise<Place[]> {
  const places: Place[] = []
  for (let i = 0; i < count; i++) {
    const { physicalOffset, sizeBytes, queueOffset } = store.append(message(`${name}${i}`))
    await store.committed(physicalOffset + sizeBytes, false)
    places.push({ physicalOffset, end: physicalOffset + sizeBytes, queueOffset })
  }
  return places
}

const indexed = async (store: Store, id: string) =>
  (await store.queryIndex('T', id, 10, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets

function run(
  work: (open: (given?: object, gated?: boolean) => Promise<Store>, host: SimHost, sim: Simulation) => Promise<void>,
): Promise<void> {
  const sim = simulation(3)
  return sim.run(async () => {
    const host = sim.host('host')
    await work((given, gated = true) => Store.open(host.world, settings(given), { gated }), host, sim)
  })
}

describe('a gated store', () => {
  test('shows nothing before it is confirmed: queues, index, records, arrivals, answers', () =>
    run(async open => {
      const store = await open()
      const arrived: number[] = []
      store.onArrival = arrivals => arrived.push(...arrivals.map(({ maxOffset }) => maxOffset))
      const places = await append(store, 3)
      const last = places[2]!
      let answer: string | undefined
      store.committed(last.end, true).then(status => (answer = status))
      expect(store.maxOffset('T', 0)).toBe(0)
      expect((await store.getMessage({ topic: 'T', queueId: 0, queueOffset: 0, maxCount: 9 })).status).toBe(
        'NO_MESSAGE_IN_QUEUE',
      )
      expect(await store.readRecord(0)).toBeUndefined()
      expect(await indexed(store, 'm0')).toEqual([])
      expect([store.readableOffset, store.confirmedOffset, store.durableOffset]).toEqual([0, 0, last.end])
      expect(store.dispatchBehindBytes).toBe(last.end)

      store.confirm(places[1]!.end)
      expect([store.maxOffset('T', 0), arrived, answer]).toEqual([2, [1, 2], undefined])
      expect(await indexed(store, 'm1')).toEqual([places[1]!.physicalOffset])
      expect(await store.readRecord(last.physicalOffset)).toBeUndefined()
      store.confirm(last.end)
      await Promise.resolve()
      expect([store.maxOffset('T', 0), arrived, answer]).toEqual([3, [1, 2, 3], 'PUT_OK'])
      expect(await store.committed(last.end, true)).toBe('PUT_OK')
      await store.close()
    }))

  test('answers FLUSH_SLAVE_TIMEOUT when nobody confirms; who does not wait is answered by the disk', () =>
    run(async (open, _, sim) => {
      const store = await open({ slaveTimeout: 1000 })
      const { status, physicalOffset, sizeBytes } = await store.put(message('m'))
      expect([status, sim.nowMs > 1000]).toEqual(['FLUSH_SLAVE_TIMEOUT', true])
      expect((await store.put(message('n'), false)).status).toBe('PUT_OK')
      store.confirm(physicalOffset + sizeBytes)
      expect(store.maxOffset('T', 0)).toBe(1)
      await store.close()
    }))

  test('SYNC_FLUSH: what is confirmed elsewhere is readable here only when it is synced', () =>
    run(async (open, host) => {
      const store = await open({ flushDiskType: 'SYNC_FLUSH' })
      await append(store, 1)
      const heal = host.disk.fail({ on: 'sync' })
      await append(store, 1)
      store.confirm(store.maxPhysicalOffset)
      expect(store.readableOffset).toBeLessThanOrEqual(store.flushedOffset)
      heal()
      await store.close().catch(() => {})
    }))

  test('takes no more than replicas can follow', () =>
    run(async open => {
      const store = await open({ hotTailBytes: 4096, maxMessageSize: 100 })
      const most = 8 * 2 * (2048 - 8)
      await expect(append(store, 1000)).rejects.toThrow(/bytes wait for replicas/)
      expect(store.maxPhysicalOffset).toBeLessThan(most + 1000)
      store.confirm(store.maxPhysicalOffset)
      await append(store, 1)
      await store.close()
    }))

  for (const how of ['close', 'kill', 'power cut'] as const)
    test(`after a ${how}: what had been confirmed is readable, the rest when it is, and offsets go on behind it`, () =>
      run(async (open, host) => {
        const first = await open({ flushDiskType: 'SYNC_FLUSH' })
        const places = await append(first, 30)
        first.confirm(places[9]!.end)
        await first.flush()
        first.confirm(places[11]!.end)
        if (how === 'close') {
          await first.close()
          expect(await host.world.disk.stat('/store/abort')).toBeUndefined()
        } else if (how === 'kill') host.crash()
        else host.powerCut()
        host.restart()
        // StoreCheckpoint.java: confirmPhyOffset
        const known = getLong(Buffer.from(await host.world.disk.readFile('/store/checkpoint')), 32)
        const count = how === 'close' ? 12 : 10
        expect(known).toBe(places[count - 1]!.end)

        const again = await open({ flushDiskType: 'SYNC_FLUSH' })
        expect([again.maxOffset('T', 0), again.confirmedOffset]).toEqual([count, places[count - 1]!.end])
        expect(again.finalOffset).toBe(places[count - 1]!.end)
        expect(again.maxPhysicalOffset).toBe(places[29]!.end)
        expect(await indexed(again, 'm12')).toEqual([])
        const [next] = await append(again, 1, 'next')
        expect(next!.queueOffset).toBe(30)
        again.confirm(places[19]!.end)
        while (again.readableOffset < places[19]!.end) await host.world.clock.sleep(1)
        expect(again.maxOffset('T', 0)).toBe(20)
        while (again.durableOffset < next!.end) await host.world.clock.sleep(1)
        again.confirm(next!.end)
        while (again.readableOffset < next!.end) await host.world.clock.sleep(1)
        expect(again.maxOffset('T', 0)).toBe(31)
        expect(await indexed(again, 'm29')).toEqual([places[29]!.physicalOffset])
        await again.close()
      }))

  test('of a store that was not: everything readable stays so', () =>
    run(async (open, host) => {
      const first = await open({}, false)
      await append(first, 20)
      first.confirm(5)
      expect([first.maxOffset('T', 0), first.confirmedOffset]).toEqual([20, undefined])
      expect(first.finalOffset).toBe(first.flushedOffset)
      await first.close()
      expect(getLong(Buffer.from(await host.world.disk.readFile('/store/checkpoint')), 32)).toBe(0)
      const gated = await open()
      expect([gated.maxOffset('T', 0), gated.confirmedOffset]).toEqual([20, gated.maxPhysicalOffset])
      await append(gated, 1)
      await gated.close()
      const free = await open({}, false)
      expect(free.maxOffset('T', 0)).toBe(21)
      await free.close()
    }))

  test('a replica’s: the next offset comes behind what it has taken over and does not show yet', () =>
    run(async (open, _, sim) => {
      const master = await Store.open(sim.host('master').world, settings())
      await append(master, 5)
      const replica = await open()
      const stretch = await master.readLog(0, 10_000)
      replica.appendReplicated(0, Buffer.concat(stretch.slices))
      stretch.release()
      await replica.committed(replica.maxPhysicalOffset, false)
      expect(replica.maxOffset('T', 0)).toBe(0)
      const [place] = await append(replica, 1, 'own')
      expect(place!.queueOffset).toBe(5)
      replica.confirm(place!.end)
      expect(replica.maxOffset('T', 0)).toBe(6)
      await master.close()
      await replica.close()
    }))

  test('what is final is what every later start shows', () =>
    run(async (open, host) => {
      const store = await open()
      const places = await append(store, 4)
      expect(await store.makeFinal(places[0]!.end)).toBe(false)
      store.confirm(places[1]!.end)
      expect(store.finalOffset).toBe(0)
      expect(await store.makeFinal(places[0]!.end)).toBe(true)
      expect(store.finalOffset).toBe(places[1]!.end)
      host.powerCut()
      host.restart()
      const again = await open()
      expect(again.maxOffset('T', 0)).toBe(2)
      await again.close()
    }))
})
