import { describe, expect, test } from '@jest/globals'
import { getLong, recordBody, recordQueueOffset, recordStarts } from '@rocketcluster/protocol/internal'
import { type StoreConfig, storeConfig } from './config.ts'
import { Store } from './store.ts'
import { TestWorld } from './test-world.ts'
import type { GetMessageResult } from './types.ts'

const SEEDS = Number(process.env.SEEDS ?? 120)
const FIRST_SEED = Number(process.env.SEED ?? 1)
const BORN_HOST = Buffer.from([10, 0, 0, 1, 0, 0, 0x30, 0x39])

function config(given: Partial<StoreConfig> = {}): StoreConfig {
  return storeConfig({
    storePathRootDir: '/store',
    mappedFileSizeCommitLog: 16 * 1024,
    mappedFileSizeConsumeQueue: 20 * 30,
    maxMessageSize: 4000,
    maxHashSlotNum: 20,
    maxIndexNum: 60,
    hotTailBytes: 8192,
    hotTailSlabBytes: 2048,
    coldReadBlockBytes: 2048,
    coldReadCacheBytes: 256 * 1024,
    flushIntervalCommitLog: 20,
    flushIntervalConsumeQueue: 40,
    cleanResourceInterval: 50,
    fileReservedTime: 1000,
    ...given,
  })
}

interface Sent {
  readonly id: string
  readonly producer: number
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly physicalOffset: number
}

/** Several producers, each sending its next message when the last one was answered, until the world ends. */
class Load {
  readonly acked: Sent[] = []
  /** What a consumer has got to see, by topic, queue and offset. */
  readonly seen = new Map<string, string>()
  attempts = 0
  failed = 0
  /** The first thing a consumer saw that cannot be. */
  error: unknown
  readonly #world: TestWorld
  #life = 0

  constructor(world: TestWorld) {
    this.#world = world
  }

  start(store: Store, producers: number, topics: number): void {
    const life = ++this.#life
    for (let producer = 0; producer < producers; producer++) this.#produce(store, producer, topics, life)
    this.#consume(store, life)
  }

  async #produce(store: Store, producer: number, topics: number, life: number): Promise<void> {
    const { random, clock } = this.#world
    while (life === this.#life) {
      const topic = `topic${random.int(topics)}`
      const queueId = random.int(2)
      const count = random.next() < 0.2 ? 1 + random.int(4) : 1
      const messages = Array.from({ length: count }, () =>
        message(topic, queueId, `${this.attempts++}`, random.int(900)),
      )
      try {
        const appended = count === 1 ? [store.append(messages[0]!)] : store.appendBatch(messages)
        const last = appended.at(-1)!
        const placed = appended.map(({ queueOffset, physicalOffset }) => ({ queueOffset, physicalOffset }))
        await store.committed(last.physicalOffset + last.sizeBytes, true)
        if (life !== this.#life) return
        for (let i = 0; i < count; i++)
          this.acked.push({ id: messages[i]!.uniqKey!, producer, topic, queueId, ...placed[i]! })
      } catch (error) {
        if ((error as Error).name !== 'ResponseError') throw error
        this.failed++
        await clock.sleep(5)
      }
      if (random.next() < 0.1) await clock.sleep(random.int(30))
    }
  }

  async #consume(store: Store, life: number): Promise<void> {
    const { random, clock } = this.#world
    while (life === this.#life) {
      await clock.sleep(random.int(20))
      for (const { topic, queueIds } of store.topics())
        for (const queueId of queueIds) {
          const max = store.maxOffset(topic, queueId)
          if (max === 0) continue
          const queueOffset = random.int(max)
          const found = await store.getMessage({ topic, queueId, queueOffset, maxCount: 32 })
          if (life !== this.#life) return
          try {
            for (const [i, record] of records(found).entries()) {
              same(`queue offset of entry ${queueOffset + i} in ${topic}/${queueId}`, record.queueOffset, queueOffset + i)
              this.note(topic, queueId, record.queueOffset, record.id)
            }
          } catch (error) {
            this.error ??= error
          }
          found.release()
        }
    }
  }

  note(topic: string, queueId: number, queueOffset: number, id: string): void {
    const key = `${topic}/${queueId}/${queueOffset}`
    const before = this.seen.get(key)
    if (before !== undefined) same(`message at ${key}`, id, before)
    this.seen.set(key, id)
  }

  stop(): void {
    this.#life++
  }
}

/** jest's `expect` takes as long as storing a hundred messages: it is not for the inner loops. */
function same(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return
  throw new Error(`${what}: found ${String(found).slice(0, 300)}, should be ${String(wanted).slice(0, 300)}`)
}

function message(topic: string, queueId: number, id: string, padding: number) {
  return {
    topic,
    queueId,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: BORN_HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(`${id}:${'.'.repeat(padding)}`),
    properties: Buffer.from(`UNIQ_KEY\x01${id}\x02TAGS\x01a\x02`),
    tagsCode: 97,
    uniqKey: id,
    keys: undefined,
  }
}

function records(found: GetMessageResult): { id: string; queueOffset: number; physicalOffset: number }[] {
  return found.records.flatMap(slice => {
    const bytes = slice as Buffer
    return recordStarts(bytes).map(at => ({
      id: recordBody(bytes, at).toString().split(':')[0]!,
      queueOffset: recordQueueOffset(bytes, at),
      physicalOffset: getLong(bytes, at + 28),
    }))
  })
}

type Dump = Record<string, { id: string; queueOffset: number; physicalOffset: number }[]>

/** Everything in every queue. */
async function dump(store: Store): Promise<Dump> {
  const all: Dump = {}
  for (const { topic, queueIds } of store.topics())
    for (const queueId of queueIds) {
      const queue: Dump[string] = []
      let queueOffset = store.minOffset(topic, queueId)
      for (;;) {
        const found = await store.getMessage({ topic, queueId, queueOffset, maxCount: 7 })
        queue.push(...records(found))
        found.release()
        if (found.nextBeginOffset <= queueOffset || found.status.startsWith('OFFSET')) break
        queueOffset = found.nextBeginOffset
      }
      if (queue.length > 0) all[`${topic}/${queueId}`] = queue
    }
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function checkAcked(load: Load, all: Dump): void {
  const places = new Map<string, string>()
  for (const { id, topic, queueId, queueOffset, physicalOffset } of load.acked) {
    const place = `${topic}/${queueId}/${queueOffset}`
    same(`message that got ${place} before ${id}`, places.get(place), undefined)
    places.set(place, id)
    const queue = all[`${topic}/${queueId}`] ?? []
    const stored = queue[queueOffset - (queue[0]?.queueOffset ?? 0)]
    same(`message at ${place}`, stored?.id, id)
    same(`queue offset at ${place}`, stored?.queueOffset, queueOffset)
    same(`physical offset at ${place}`, stored?.physicalOffset, physicalOffset)
  }
}

function checkOrder(all: Dump): void {
  for (const [queue, entries] of Object.entries(all)) {
    for (let i = 1; i < entries.length; i++) {
      expect({ queue, queueOffset: entries[i]!.queueOffset }).toEqual({
        queue,
        queueOffset: entries[i - 1]!.queueOffset + 1,
      })
      expect(entries[i]!.physicalOffset).toBeGreaterThan(entries[i - 1]!.physicalOffset)
    }
    const ids = entries.map(({ id }) => id)
    same(`distinct messages in ${queue}`, new Set(ids).size, ids.length)
  }
}

/** Throws away all that is derived, and compares what a rebuild makes of it. */
async function checkRebuild(world: TestWorld, store: Store, all: Dump): Promise<void> {
  await world.run(store.close())
  for (const path of [...world.files.keys()])
    if (path.startsWith('/store/consumequeue/') || path.startsWith('/store/index/')) world.files.delete(path)
  const rebuilt = await world.run(Store.open(world, store.config))
  same('rebuilt queues', JSON.stringify(await world.run(dump(rebuilt))), JSON.stringify(all))
  for (const [queue, entries] of Object.entries(all)) {
    const { id, physicalOffset } = entries.at(-1)!
    const found = await world.run(
      rebuilt.queryIndex(queue.slice(0, queue.lastIndexOf('/')), id, 64, 0, Number.MAX_SAFE_INTEGER),
    )
    expect(found.physicalOffsets).toContain(physicalOffset)
  }
  await world.run(rebuilt.close())
}

async function everySeed(count: number, run: (world: TestWorld, seed: number) => Promise<void>): Promise<void> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed++) {
    try {
      await run(new TestWorld(seed), seed)
    } catch (error) {
      throw new Error(`seed ${seed} (repeat: SEED=${seed} SEEDS=1): ${(error as Error).message}`, { cause: error })
    }
  }
}

async function crashes(world: TestWorld, settings: StoreConfig, how: 'kill' | 'power'): Promise<void> {
  const load = new Load(world)
  const lives = 1 + world.random.int(3)
  for (let life = 0; life < lives; life++) {
    const store = await world.run(Store.open(world, settings))
    for (const [place, entries] of Object.entries(await world.run(dump(store)))) {
      const [topic, queueId] = place.split('/') as [string, string]
      for (const { queueOffset, id } of entries)
        if (how === 'kill' || settings.flushDiskType === 'SYNC_FLUSH')
          load.note(topic, Number(queueId), queueOffset, id)
    }
    load.start(store, 1 + world.random.int(5), 1 + world.random.int(3))
    for (let left = world.random.int(600); left > 0; left--) await world.step()
    world.crash(how)
    load.stop()
    if (load.error) throw load.error
    // What had been seen may be gone then, and its offsets given again.
    if (how === 'power' && settings.flushDiskType === 'ASYNC_FLUSH') load.seen.clear()
    // Now and then the machine dies again while it recovers.
    if (world.random.next() < 0.3) {
      Store.open(world, settings).catch(() => {})
      for (let left = world.random.int(60); left > 0; left--) await world.step()
      world.crash(how)
    }
  }
  const store = await world.run(Store.open(world, settings))
  const all = await world.run(dump(store))
  checkOrder(all)
  if (how === 'kill' || settings.flushDiskType === 'SYNC_FLUSH') {
    checkAcked(load, all)
    for (const [place, id] of load.seen) {
      const at = place.lastIndexOf('/')
      const queue = all[place.slice(0, at)] ?? []
      same(`message seen at ${place}`, queue[Number(place.slice(at + 1))]?.id, id)
    }
  }
  expect(store.stats.damagedRecords).toBe(0)
  await checkRebuild(world, store, all)
}

describe('crashes', () => {
  test('SYNC_FLUSH: what was acknowledged survives a power cut, wherever it comes', () =>
    everySeed(SEEDS, world => crashes(world, config({ flushDiskType: 'SYNC_FLUSH' }), 'power')))

  test('ASYNC_FLUSH: what was acknowledged survives the death of the process', () =>
    everySeed(SEEDS, world => crashes(world, config(), 'kill')))

  test('ASYNC_FLUSH: after a power cut the log ends at a record and the queues agree with it', () =>
    everySeed(SEEDS, world => crashes(world, config(), 'power')))
})

/** Opens, loads, lets `trouble` happen, and checks that nothing acknowledged is lost in memory or on the disk. */
async function troubled(world: TestWorld, settings: StoreConfig, trouble: (store: Store) => Promise<void>): Promise<void> {
  const load = new Load(world)
  const store = await world.run(Store.open(world, settings))
  load.start(store, 1 + world.random.int(5), 1 + world.random.int(3))
  await world.pass(world.random.int(150))
  await trouble(store)
  load.stop()
  if (load.error) throw load.error
  await world.pass(50)
  const before = await world.run(dump(store))
  checkOrder(before)
  checkAcked(load, before)
  await world.run(store.close().catch(() => {}))
  const again = await world.run(Store.open(world, settings))
  const all = await world.run(dump(again))
  checkOrder(all)
  checkAcked(load, all)
  await checkRebuild(world, again, all)
}

const FLUSH_TYPES = ['ASYNC_FLUSH', 'SYNC_FLUSH'] as const

describe('a disk that refuses', () => {
  for (const flushDiskType of FLUSH_TYPES) {
    test(`${flushDiskType}: full for a while: refuses with the reason, loses nothing, goes on`, () =>
      everySeed(SEEDS / 2, async world => {
        await troubled(world, config({ flushDiskType }), async store => {
          for (let round = 1 + world.random.int(3); round > 0; round--) {
            world.fault = operation => (operation === 'write' ? 'ENOSPC' : undefined)
            await world.pass(20 + world.random.int(100))
            same('writable on a full disk', store.writable.ok, false)
            expect(() => store.append(message('topic0', 0, 'refused', 10))).toThrow(/ENOSPC/)
            world.fault = () => undefined
            await world.pass(200)
            same('writable again', store.writable.ok, true)
            await world.pass(world.random.int(100))
          }
        })
      }))

    test(`${flushDiskType}: a write error in the midst: read-only until the restart, and nothing lost`, () =>
      everySeed(SEEDS / 2, async world => {
        await troubled(world, config({ flushDiskType }), async store => {
          world.fault = (operation, path) => (operation === 'write' && path.includes('/commitlog/') ? 'EIO' : undefined)
          await world.pass(20 + world.random.int(100))
          world.fault = () => undefined
          await world.pass(200)
          expect(store.writable).toEqual({ ok: false, reason: expect.stringContaining('EIO') })
        })
      }))

    test(`${flushDiskType}: a failed sync is not tried again: read-only until the restart`, () =>
      everySeed(SEEDS / 2, async world => {
        await troubled(world, config({ flushDiskType }), async store => {
          world.fault = (operation, path) => (operation === 'sync' && path.includes('/commitlog/') ? 'EIO' : undefined)
          await world.pass(200)
          world.fault = () => undefined
          const { flushedOffset } = store
          await world.pass(200)
          expect(store.writable).toEqual({ ok: false, reason: expect.stringContaining('EIO') })
          same('flushed offset', store.flushedOffset, flushedOffset)
        })
      }))

    test(`${flushDiskType}: consume queues that cannot be written stop the producers, not the consumers`, () =>
      everySeed(SEEDS / 4, async world => {
        await troubled(world, config({ flushDiskType }), async store => {
          world.fault = (operation, path) => (operation === 'write' && path.includes('/consumequeue/') ? 'ENOSPC' : undefined)
          await world.pass(200)
          same('writable', store.writable.ok, false)
          world.fault = () => undefined
          await world.pass(300)
          same('writable again', store.writable.ok, true)
        })
      }))
  }

  test('SYNC_FLUSH: a full disk, then a power cut', () =>
    everySeed(SEEDS / 2, async world => {
      const settings = config({ flushDiskType: 'SYNC_FLUSH' })
      const load = new Load(world)
      const store = await world.run(Store.open(world, settings))
      load.start(store, 3, 2)
      await world.pass(world.random.int(100))
      world.fault = operation => (operation === 'write' ? 'ENOSPC' : undefined)
      await world.pass(world.random.int(100))
      world.fault = () => undefined
      for (let left = world.random.int(300); left > 0; left--) await world.step()
      world.crash('power')
      load.stop()
      if (load.error) throw load.error
      const again = await world.run(Store.open(world, settings))
      const all = await world.run(dump(again))
      checkOrder(all)
      checkAcked(load, all)
      await checkRebuild(world, again, all)
    }))
})
