import { describe, expect, test } from '@jest/globals'
import { recordBody, recordStarts } from '@rocketcluster/protocol/internal'
import type { Disk, DiskFile, World } from '@rocketcluster/world'
import { type SimHost, type Simulation, simulation } from '@rocketcluster/world/sim'
import { storeConfig } from './config.ts'
import { Store, type StoreOptions } from './store.ts'

const FILE_BYTES = 1024
const TOPICS = ['a', 'b']

const settings = (given: object = {}) =>
  storeConfig({
    storePathRootDir: '/store',
    mappedFileSizeCommitLog: FILE_BYTES,
    mappedFileSizeConsumeQueue: 20 * 4,
    maxHashSlotNum: 10,
    maxIndexNum: 8,
    hotTailBytes: 8192,
    hotTailSlabBytes: 2048,
    coldReadBlockBytes: 1024,
    fileReservedTime: 1000,
    flushIntervalConsumeQueue: 3_600_000,
    ...given,
  })

function message(topic: string, id: string) {
  return {
    topic,
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

interface Put {
  readonly topic: string
  readonly id: string
  readonly physicalOffset: number
  readonly end: number
}

async function put(store: Store, ids: readonly string[]): Promise<Put[]> {
  const puts: Put[] = []
  for (const [i, id] of ids.entries()) {
    const topic = TOPICS[i % TOPICS.length]!
    const { physicalOffset, sizeBytes } = await store.put(message(topic, id), false)
    puts.push({ topic, id, physicalOffset, end: physicalOffset + sizeBytes })
  }
  return puts
}

const ids = (count: number, name = 'm') => Array.from({ length: count }, (_, i) => `${name}${i}`)

/** All that can be read of it. */
async function read(store: Store): Promise<string[]> {
  const found: string[] = []
  for (const topic of TOPICS)
    for (let queueOffset = store.minOffset(topic, 0); queueOffset < store.maxOffset(topic, 0); ) {
      const got = await store.getMessage({ topic, queueId: 0, queueOffset, maxCount: 32 })
      for (const slice of got.records as Buffer[])
        for (const at of recordStarts(slice))
          found.push(`${topic} ${recordBody(slice, at).toString().replaceAll('.', '')}`)
      got.release()
      queueOffset = got.nextBeginOffset
    }
  return found
}

/** The store holds exactly these, in log, queues and index, and goes on behind them. */
async function expectOnly(store: Store, puts: readonly Put[], gone: readonly Put[]): Promise<void> {
  expect(await read(store)).toEqual(
    TOPICS.flatMap(topic => puts.filter(one => one.topic === topic).map(one => `${one.topic} ${one.id}`)),
  )
  for (const { topic, id, physicalOffset } of puts)
    expect((await store.queryIndex(topic, id, 9, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).toContain(physicalOffset)
  for (const { topic, id, physicalOffset } of gone)
    expect((await store.queryIndex(topic, id, 9, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).not.toContain(
      physicalOffset,
    )
  expect(store.stats.damagedRecords).toBe(0)
}

/** The log as it is on the disk. */
async function logBytes({ disk }: World): Promise<Buffer> {
  const names = (await disk.list('/store/commitlog')).map(({ name }) => name)
  return Buffer.concat(await Promise.all(names.map(name => disk.readFile(`/store/commitlog/${name}`))))
}

function withHost(work: (host: SimHost, sim: Simulation) => Promise<void>, seed = 5): Promise<void> {
  const sim = simulation(seed)
  return sim.run(() => work(sim.host('host'), sim))
}

const open = (host: SimHost, options?: StoreOptions, given?: object) => Store.open(host.world, settings(given), options)

describe('truncateTo', () => {
  test('at every end of a record: what is left is as if the rest had never been', () =>
    withHost(async (host, sim) => {
      const store = await open(host)
      const puts = await put(store, ids(20))
      await store.close()
      for (let left = puts.length; left >= 0; left--) {
        const truncateTo = left === 0 ? 0 : puts[left - 1]!.end
        const cut = await open(host, { truncateTo })
        expect(cut.maxPhysicalOffset).toBe(truncateTo)
        await expectOnly(cut, puts.slice(0, left), puts.slice(left))
        await cut.close()
        const again = await open(host)
        await expectOnly(again, puts.slice(0, left), puts.slice(left))
        await again.close()
      }
      const never = sim.host('never')
      const fresh = await open(never)
      const other = await open(host)
      const now = ids(10, 'other')
      expect((await put(other, now)).map(({ end }) => end)).toEqual((await put(fresh, now)).map(({ end }) => end))
      await other.close()
      await fresh.close()
    }))

  test('beyond the end, or at it, does nothing', () =>
    withHost(async host => {
      const store = await open(host)
      const puts = await put(store, ids(9))
      await store.close()
      await host.world.disk.makeDirectory('/store/timerlog')
      for (const truncateTo of [puts[8]!.end, puts[8]!.end + 1, 5 * FILE_BYTES, 1e12]) {
        const same = await open(host, { truncateTo })
        await expectOnly(same, puts, [])
        await same.close()
      }
      expect(await host.world.disk.stat('/store/timerlog')).toBeDefined()
      const cut = await open(host, { truncateTo: puts[7]!.end })
      await cut.close()
      expect(await host.world.disk.stat('/store/timerlog')).toBeUndefined()
    }))

  test('where no record ends is refused, and nothing is changed', () =>
    withHost(async host => {
      const store = await open(host)
      const puts = await put(store, ids(9))
      await store.close()
      const before = await logBytes(host.world)
      const [first, second] = puts as [Put, Put]
      for (const truncateTo of [1, first.end - 1, first.end + 1, first.end + 8, second.end - 9])
        await expect(open(host, { truncateTo })).rejects.toThrow(
          new RegExp(`cannot be cut at ${truncateTo}: .* ends at ${truncateTo < first.end ? first.end : second.end}`),
        )
      // In the blank at the end of a file.
      await expect(open(host, { truncateTo: FILE_BYTES - 1 })).rejects.toThrow(/ends at 1024/)
      for (const truncateTo of [-1, 0.5, Number.NaN])
        await expect(open(host, { truncateTo })).rejects.toThrow(
          /truncateTo is .*; allowed are physical offsets from 0/,
        )
      expect((await logBytes(host.world)).equals(before)).toBe(true)
      const again = await open(host)
      await expectOnly(again, puts, [])
      await again.close()
    }))

  test('at the start of a file, and of a log whose first files are gone', () =>
    withHost(async host => {
      const store = await open(host)
      const puts = await put(store, ids(20))
      await store.close()
      const second = puts.findIndex(({ physicalOffset }) => physicalOffset === FILE_BYTES)
      await host.world.disk.remove('/store/commitlog/00000000000000000000')
      await expect(open(host, { truncateTo: puts[0]!.end })).rejects.toThrow(/it begins at 1024; allowed is that/)
      const cut = await open(host, { truncateTo: FILE_BYTES })
      expect([cut.minPhysicalOffset, cut.maxPhysicalOffset]).toEqual([FILE_BYTES, FILE_BYTES])
      await cut.close()
      const again = await open(host)
      const [next] = await put(again, ['next'])
      expect(next!.physicalOffset).toBe(FILE_BYTES)
      expect(again.maxOffset('a', 0)).toBe(puts.slice(0, second).filter(({ topic }) => topic === 'a').length + 1)
      await again.close()
    }))

  test('a gated store is cut behind what was confirmed, and shows the same before and after', () =>
    withHost(async host => {
      const store = await open(host, { gated: true })
      const puts = await put(store, ids(15))
      store.confirm(puts[4]!.end)
      await store.flush()
      host.crash()
      host.restart()
      const cut = await open(host, { gated: true, truncateTo: puts[7]!.end })
      await expectOnly(cut, puts.slice(0, 5), puts.slice(5))
      expect(cut.maxPhysicalOffset).toBe(puts[7]!.end)
      const more = await put(cut, ids(2, 'more'))
      cut.confirm(more[1]!.end)
      while (cut.readableOffset < more[1]!.end) await host.world.clock.sleep(1)
      await expectOnly(cut, [...puts.slice(0, 8), ...more], puts.slice(10))
      await cut.close()
    }))
})

/** A disk that does something before each step that changes it. */
function stepping(disk: Disk, before: () => Promise<void>): Disk {
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    await before()
    return run()
  }
  const file = (it: DiskFile): DiskFile => ({
    path: it.path,
    read: (into, position) => it.read(into, position),
    write: (buffers, position) => step(() => it.write(buffers, position)),
    sync: () => step(() => it.sync()),
    truncate: size => step(() => it.truncate(size)),
    size: () => it.size(),
    close: () => it.close(),
  })
  return {
    open: async (path, mode) => file(await disk.open(path, mode)),
    readFile: path => disk.readFile(path),
    stat: path => disk.stat(path),
    list: path => disk.list(path),
    makeDirectory: path => disk.makeDirectory(path),
    rename: (from, to) => step(() => disk.rename(from, to)),
    remove: path => step(() => disk.remove(path)),
    removeTree: path => step(() => disk.removeTree(path)),
    syncDirectory: path => step(() => disk.syncDirectory(path)),
    space: path => disk.space(path),
    lock: path => disk.lock(path),
  }
}

describe('a death in the midst, at every step', () => {
  // Up to where it was confirmed, and whether the store had been closed; then where it is cut, in messages.
  const cases = [
    { name: 'behind what was vouched for', confirmed: 4, cut: 8, closed: false },
    { name: 'before it', confirmed: 14, cut: 6, closed: false },
    { name: 'before it, after a proper close', confirmed: 15, cut: 6, closed: true },
  ]
  for (const { name, confirmed, cut, closed } of cases)
    for (const how of ['kill', 'power cut'] as const)
      test(`${name}, by ${how}: it can be repeated, and left`, async () => {
        let reached = false
        let steps = 0
        for (; !reached; steps++)
          for (const repeated of [true, false])
            await withHost(async host => {
              const given = { flushDiskType: 'SYNC_FLUSH' }
              const store = await open(host, { gated: true }, given)
              const puts = await put(store, ids(15))
              while (store.durableOffset < puts[14]!.end) await host.world.clock.sleep(1)
              store.confirm(puts[confirmed - 1]!.end)
              await store.flush()
              if (closed) await store.close()
              else host.powerCut()
              host.restart()
              const truncateTo = puts[cut - 1]!.end

              let opened: Store | undefined
              await new Promise<void>((resolve, reject) => {
                let left = steps
                const disk = stepping(host.world.disk, async () => {
                  if (opened !== undefined || left-- > 0) return
                  if (how === 'kill') host.crash()
                  else host.powerCut()
                  resolve()
                  await new Promise(() => {})
                })
                Store.open({ ...host.world, disk }, settings(given), { gated: true, truncateTo }).then(done => {
                  opened = done
                  resolve()
                }, reject)
              })
              if (opened !== undefined) {
                reached = true
                await opened.close()
                return
              }
              host.restart()
              const again = await open(host, { gated: true, ...(repeated ? { truncateTo } : {}) }, given)
              const kept = puts.slice(0, Math.min(confirmed, cut))
              // Without it the tail may be there still, or as much of it as there was.
              const end = again.maxPhysicalOffset
              if (repeated) expect(end).toBe(truncateTo)
              else expect([truncateTo, ...puts.map(one => one.end), FILE_BYTES, 2 * FILE_BYTES]).toContain(end)
              if (repeated || again.maxOffset('a', 0) + again.maxOffset('b', 0) === kept.length)
                await expectOnly(again, kept, puts.slice(cut))
              again.confirm(end)
              while (again.readableOffset < end) await host.world.clock.sleep(1)
              const there = puts.filter(one => one.end <= end)
              await expectOnly(again, there, puts.slice(there.length))
              const [next] = await put(again, ['next'])
              expect(next!.physicalOffset).toBeGreaterThanOrEqual(end)
              await again.close()
            }, steps)
        expect(steps).toBeGreaterThan(15)
      })
})
