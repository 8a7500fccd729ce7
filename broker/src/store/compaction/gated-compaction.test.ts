import { expect, test } from '@jest/globals'
import { recordBody, recordStarts } from '@rocketcluster/protocol/internal'
import { type SimHost, simulation } from '@rocketcluster/world/sim'
import { storeConfig } from '../config.ts'
import { Store, type StoreOptions } from '../store.ts'
import { CompactionStore } from './compaction-store.ts'

const settings = storeConfig({
  storePathRootDir: '/store',
  mappedFileSizeCommitLog: 64 * 1024,
  mappedFileSizeConsumeQueue: 20 * 100,
  maxHashSlotNum: 10,
  maxIndexNum: 100,
  hotTailBytes: 64 * 1024,
  hotTailSlabBytes: 16 * 1024,
  fileReservedTime: 1000,
  flushIntervalConsumeQueue: 3_600_000,
})
const compactionConfig = {
  storePathRootDir: '/store',
  compactionMappedFileSize: 1024,
  compactionCqMappedFileSize: 46 * 20,
  compactionScheduleInternal: 1000,
  maxOffsetMapSize: 1024 * 1024,
}

const message = (key: string, value: string) => ({
  topic: 'prices',
  queueId: 0,
  flag: 0,
  sysFlag: 0,
  bornTimestamp: 1,
  bornHost: Buffer.from([10, 0, 0, 1, 0, 0, 0, 80]),
  reconsumeTimes: 0,
  preparedTransactionOffset: 0,
  body: Buffer.from(value.padEnd(60, '.')),
  properties: Buffer.from(`KEYS\x01${key}\x02`),
  tagsCode: 0,
})

async function open({ world }: SimHost, options: StoreOptions) {
  const store = await Store.open(world, settings, { gated: true, ...options })
  const topics = () => [{ topic: 'prices', queues: 1 }]
  return { store, compaction: await CompactionStore.open(world, store, compactionConfig, topics) }
}

/** The newest value of each key. */
async function table(store: Store): Promise<Record<string, string>> {
  const newest: Record<string, string> = {}
  for (let queueOffset = store.minOffset('prices', 0); queueOffset < store.maxOffset('prices', 0); ) {
    const found = await store.getMessage({ topic: 'prices', queueId: 0, queueOffset, maxCount: 32 })
    for (const slice of found.records as Buffer[])
      for (const at of recordStarts(slice)) {
        const [key, value] = recordBody(slice, at).toString().replaceAll('.', '').split('=')
        newest[key!] = value!
      }
    found.release()
    queueOffset = found.nextBeginOffset
  }
  return newest
}

test('a value that another master may take back replaces none: it is copied when it is final', () => {
  const sim = simulation(1)
  return sim.run(async () => {
    const host = sim.host('host')
    const first = await open(host, {})
    const put = async (store: Store, round: number) => {
      let end = 0
      for (let key = 0; key < 5; key++) {
        const put = await store.put(message(`k${key}`, `k${key}=${round}`), false)
        end = put.physicalOffset + put.sizeBytes
      }
      return end
    }
    let confirmed = 0
    for (let round = 0; round < 10; round++) confirmed = await put(first.store, round)
    for (let round = 10; round < 20; round++) await put(first.store, round)
    first.store.confirm(confirmed)
    await first.store.flush()
    await first.compaction.start()
    await sim.sleep(5000)
    const shown = { k0: '9', k1: '9', k2: '9', k3: '9', k4: '9' }
    expect(await table(first.store)).toEqual(shown)
    expect(first.store.minOffset('prices', 0)).toBeGreaterThan(0)
    host.powerCut()
    host.restart()

    const second = await open(host, { truncateTo: confirmed })
    expect(await table(second.store)).toEqual(shown)
    // Another master's values come in the place of those.
    const end = await put(second.store, 100)
    expect(await table(second.store)).toEqual(shown)
    second.store.confirm(end)
    await second.store.flush()
    await second.compaction.start()
    await sim.sleep(5000)
    await second.compaction.stop()
    expect(await table(second.store)).toEqual({ k0: '100', k1: '100', k2: '100', k3: '100', k4: '100' })
    await second.store.close()
  })
})

test('of a store that is cut before what was copied, the copy is cut too', () => {
  const sim = simulation(2)
  return sim.run(async () => {
    const host = sim.host('host')
    const first = await open(host, {})
    const ends: number[] = []
    for (let i = 0; i < 40; i++) {
      const put = await first.store.put(message(`k${i % 5}`, `k${i % 5}=${i}`), false)
      ends.push(put.physicalOffset + put.sizeBytes)
    }
    first.store.confirm(ends[39]!)
    await first.store.flush()
    await first.compaction.copy()
    await first.store.close()

    const second = await open(host, { truncateTo: ends[19]! })
    expect(await table(second.store)).toEqual({ k0: '15', k1: '16', k2: '17', k3: '18', k4: '19' })
    const other = await second.store.put(message('k0', 'k0=other'), false)
    expect(other.queueOffset).toBe(20)
    second.store.confirm(other.physicalOffset + other.sizeBytes)
    await second.store.flush()
    await second.compaction.copy()
    await second.store.close()

    const third = await open(host, {})
    expect(await table(third.store)).toEqual({ k0: 'other', k1: '16', k2: '17', k3: '18', k4: '19' })
    await third.store.close()
    const emptied = await open(host, { truncateTo: 0 })
    expect([await table(emptied.store), emptied.store.maxOffset('prices', 0)]).toEqual([{}, 0])
    expect((await emptied.store.put(message('k0', 'k0=new'), false)).queueOffset).toBe(0)
    await emptied.store.close()
  })
})

test('what the next start would not know to be confirmed is not copied yet', () => {
  const sim = simulation(3)
  return sim.run(async () => {
    const host = sim.host('host')
    const first = await open(host, {})
    let end = 0
    for (let i = 0; i < 40; i++) {
      const put = await first.store.put(message(`k${i % 5}`, `k${i % 5}=${i}`), false)
      end = put.physicalOffset + put.sizeBytes
    }
    first.store.confirm(end)
    await first.compaction.start()
    await sim.sleep(5000)
    expect(first.store.flushedOffset).toBe(end)
    host.powerCut()
    host.restart()

    const second = await open(host, {})
    await second.compaction.start()
    expect(await table(second.store)).toEqual({})
    second.store.confirm(end)
    while (second.store.readableOffset < end) await sim.sleep(1)
    const shown = { k0: '35', k1: '36', k2: '37', k3: '38', k4: '39' }
    expect(await table(second.store)).toEqual(shown)
    await second.store.flush()
    await sim.sleep(5000)
    expect(await table(second.store)).toEqual(shown)
    expect(second.store.minOffset('prices', 0)).toBeGreaterThan(0)
    await second.compaction.stop()
    await second.store.close()
  })
})
