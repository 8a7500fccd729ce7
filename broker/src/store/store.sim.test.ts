import { describe, expect, jest, test } from '@jest/globals'
import { getLong, recordBody, recordQueueOffset, recordStarts } from '@rocketcluster/protocol/internal'
import type { World } from '@rocketcluster/world'
import { everySeed as everySimulation, type SimHost, type Simulation } from '@rocketcluster/world/sim'
import { type StoreConfig, storeConfig } from './config.ts'
import { Store } from './store.ts'
import type { GetMessageResult } from './types.ts'

/** Of each kind of trouble; SEEDS=2000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 40)
jest.setTimeout(30_000 + SEEDS * 1000)

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

/** A machine whose process can die, and whose disk can refuse. */
class Machine {
  readonly sim: Simulation
  readonly host: SimHost
  /** What the running process sees. */
  world: World

  constructor(sim: Simulation) {
    this.sim = sim
    this.host = sim.host('host')
    this.world = this.host.world
  }

  get random() {
    return this.sim.random
  }

  open(settings: StoreConfig): Promise<Store> {
    return Store.open(this.world, settings)
  }

  crash(how: 'kill' | 'power'): void {
    if (how === 'power') this.host.powerCut()
    else this.host.crash()
    this.world = this.host.restart()
  }

  pass(ms: number): Promise<void> {
    return this.sim.sleep(ms)
  }
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
  readonly #machine: Machine
  #life = 0

  constructor(machine: Machine) {
    this.#machine = machine
  }

  start(store: Store, producers: number, topics: number): void {
    const life = ++this.#life
    for (let producer = 0; producer < producers; producer++) this.#produce(store, producer, topics, life)
    this.#consume(store, life)
  }

  async #produce(store: Store, producer: number, topics: number, life: number): Promise<void> {
    const { random, world } = this.#machine
    const { clock } = world
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
      await clock.sleep(random.next() < 0.1 ? random.int(30) : random.next() * 4)
    }
  }

  async #consume(store: Store, life: number): Promise<void> {
    const { random, world } = this.#machine
    const { clock } = world
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
              // Retention may take a message away between its entry and itself; nothing else may be skipped.
              if (store.minPhysicalOffset === 0)
                same(
                  `queue offset of entry ${queueOffset + i} in ${topic}/${queueId}`,
                  record.queueOffset,
                  queueOffset + i,
                )
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

function checkAcked(load: Load, all: Dump, minPhysicalOffset = 0): void {
  const places = new Map<string, string>()
  for (const { id, topic, queueId, queueOffset, physicalOffset } of load.acked) {
    const place = `${topic}/${queueId}/${queueOffset}`
    same(`message that got ${place} before ${id}`, places.get(place), undefined)
    places.set(place, id)
    if (physicalOffset < minPhysicalOffset) continue
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
      same(`entry after ${i - 1} of ${queue}`, entries[i]!.queueOffset, entries[i - 1]!.queueOffset + 1)
      same(`rise at ${i} of ${queue}`, entries[i]!.physicalOffset > entries[i - 1]!.physicalOffset, true)
    }
    const ids = entries.map(({ id }) => id)
    same(`distinct messages in ${queue}`, new Set(ids).size, ids.length)
  }
}

/** Throws away all that is derived, and compares what a rebuild makes of it. */
async function checkRebuild(machine: Machine, store: Store, all: Dump): Promise<void> {
  await store.close()
  await machine.world.disk.removeTree('/store/consumequeue')
  await machine.world.disk.removeTree('/store/index')
  const rebuilt = await machine.open(store.config)
  same('rebuilt queues', JSON.stringify(await dump(rebuilt)), JSON.stringify(all))
  for (const [queue, entries] of Object.entries(all)) {
    const { id, physicalOffset } = entries.at(-1)!
    const found = await rebuilt.queryIndex(queue.slice(0, queue.lastIndexOf('/')), id, 64, 0, Number.MAX_SAFE_INTEGER)
    same(`${id} in the index`, found.physicalOffsets.includes(physicalOffset), true)
  }
  await rebuilt.close()
}

function everySeed(count: number, run: (machine: Machine) => Promise<void>): Promise<void> {
  return everySimulation(Math.ceil(count), (_world, sim) => run(new Machine(sim)), { file: import.meta.filename })
}

async function crashes(machine: Machine, settings: StoreConfig, how: 'kill' | 'power'): Promise<void> {
  const load = new Load(machine)
  const lives = 1 + machine.random.int(3)
  for (let life = 0; life < lives; life++) {
    const store = await machine.open(settings)
    for (const [place, entries] of Object.entries(await dump(store))) {
      const [topic, queueId] = place.split('/') as [string, string]
      for (const { queueOffset, id } of entries)
        if (how === 'kill' || settings.flushDiskType === 'SYNC_FLUSH')
          load.note(topic, Number(queueId), queueOffset, id)
    }
    load.start(store, 1 + machine.random.int(5), 1 + machine.random.int(3))
    await machine.pass(machine.random.int(200))
    machine.crash(how)
    load.stop()
    if (load.error) throw load.error
    // What had been seen may be gone then, and its offsets given again.
    if (how === 'power' && settings.flushDiskType === 'ASYNC_FLUSH') load.seen.clear()
    // Now and then the machine dies again while it recovers.
    if (machine.random.next() < 0.3) {
      machine.open(settings).catch(() => {})
      await machine.pass(machine.random.next() * 10)
      machine.crash(how)
    }
  }
  const store = await machine.open({ ...settings, fileReservedTime: 1000 })
  const all = await dump(store)
  checkOrder(all)
  if (how === 'kill' || settings.flushDiskType === 'SYNC_FLUSH') {
    checkAcked(load, all, store.minPhysicalOffset)
    for (const [place, id] of store.minPhysicalOffset > 0 ? [] : load.seen) {
      const at = place.lastIndexOf('/')
      const queue = all[place.slice(0, at)] ?? []
      same(`message seen at ${place}`, queue[Number(place.slice(at + 1))]?.id, id)
    }
  }
  expect(store.stats.damagedRecords).toBe(0)
  await checkRebuild(machine, store, all)
}

describe('crashes', () => {
  test('SYNC_FLUSH: what was acknowledged survives a power cut, wherever it comes', () =>
    everySeed(SEEDS, machine => crashes(machine, config({ flushDiskType: 'SYNC_FLUSH' }), 'power')))

  test('ASYNC_FLUSH: what was acknowledged survives the death of the process', () =>
    everySeed(SEEDS, machine => crashes(machine, config(), 'kill')))

  test('ASYNC_FLUSH: after a power cut the log ends at a record and the queues agree with it', () =>
    everySeed(SEEDS, machine => crashes(machine, config(), 'power')))

  test('SYNC_FLUSH: with old files being deleted all the while', () =>
    everySeed(SEEDS / 2, machine =>
      crashes(
        machine,
        config({
          flushDiskType: 'SYNC_FLUSH',
          fileReservedTime: 0,
          deleteWhen: Array.from({ length: 24 }, (_, hour) => hour),
        }),
        'power',
      ),
    ))
})

/** Opens, loads, lets `trouble` happen, and checks that nothing acknowledged is lost in memory or on the disk. */
async function troubled(
  machine: Machine,
  settings: StoreConfig,
  trouble: (store: Store) => Promise<void>,
): Promise<void> {
  const load = new Load(machine)
  const store = await machine.open(settings)
  load.start(store, 1 + machine.random.int(5), 1 + machine.random.int(3))
  await machine.pass(machine.random.int(150))
  await trouble(store)
  load.stop()
  if (load.error) throw load.error
  await machine.pass(50)
  const before = await dump(store)
  checkOrder(before)
  checkAcked(load, before)
  await store.close().catch(() => {})
  const again = await machine.open(settings)
  const all = await dump(again)
  checkOrder(all)
  checkAcked(load, all)
  await checkRebuild(machine, again, all)
}

const FLUSH_TYPES = ['ASYNC_FLUSH', 'SYNC_FLUSH'] as const

describe('a disk that refuses', () => {
  for (const flushDiskType of FLUSH_TYPES) {
    test(`${flushDiskType}: full for a while: refuses with the reason, loses nothing, goes on`, () =>
      everySeed(SEEDS / 2, async machine => {
        await troubled(machine, config({ flushDiskType }), async store => {
          for (let round = 1 + machine.random.int(3); round > 0; round--) {
            const heal = machine.host.disk.fail({ on: 'write', code: 'ENOSPC' })
            await machine.pass(100 + machine.random.int(100))
            same('writable on a full disk', store.writable.ok, false)
            expect(() => store.append(message('topic0', 0, 'refused', 10))).toThrow(/ENOSPC/)
            heal()
            await machine.pass(200)
            same('writable again', store.writable.ok, true)
            await machine.pass(machine.random.int(100))
          }
        })
      }))

    test(`${flushDiskType}: a write error in the midst: read-only until the restart, and nothing lost`, () =>
      everySeed(SEEDS / 2, async machine => {
        await troubled(machine, config({ flushDiskType }), async store => {
          const heal = machine.host.disk.fail({ on: 'write', path: '/store/commitlog/' })
          await machine.pass(100 + machine.random.int(100))
          heal()
          await machine.pass(200)
          expect(store.writable).toEqual({ ok: false, reason: expect.stringContaining('EIO') })
        })
      }))

    test(`${flushDiskType}: a failed sync is not tried again: read-only until the restart`, () =>
      everySeed(SEEDS / 2, async machine => {
        await troubled(machine, config({ flushDiskType }), async store => {
          const heal = machine.host.disk.fail({ on: 'sync', path: '/store/commitlog/' })
          await machine.pass(200)
          heal()
          const { flushedOffset } = store
          await machine.pass(200)
          expect(store.writable).toEqual({ ok: false, reason: expect.stringContaining('EIO') })
          same('flushed offset', store.flushedOffset, flushedOffset)
        })
      }))

    test(`${flushDiskType}: consume queues that cannot be written stop the producers, not the consumers`, () =>
      everySeed(SEEDS / 4, async machine => {
        await troubled(machine, config({ flushDiskType }), async store => {
          const heal = machine.host.disk.fail({ on: 'write', path: '/store/consumequeue/', code: 'ENOSPC' })
          await machine.pass(200)
          same('writable', store.writable.ok, false)
          heal()
          await machine.pass(300)
          same('writable again', store.writable.ok, true)
        })
      }))
  }

  test('SYNC_FLUSH: a full disk, then a power cut', () =>
    everySeed(SEEDS / 2, async machine => {
      const settings = config({ flushDiskType: 'SYNC_FLUSH' })
      const load = new Load(machine)
      const store = await machine.open(settings)
      load.start(store, 3, 2)
      await machine.pass(machine.random.int(100))
      const heal = machine.host.disk.fail({ on: 'write', code: 'ENOSPC' })
      await machine.pass(machine.random.int(100))
      heal()
      await machine.pass(machine.random.int(100))
      machine.crash('power')
      load.stop()
      if (load.error) throw load.error
      const again = await machine.open(settings)
      const all = await dump(again)
      checkOrder(all)
      checkAcked(load, all)
      await checkRebuild(machine, again, all)
    }))
})
