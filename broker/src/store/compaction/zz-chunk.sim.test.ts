import { expect, jest, test } from '@jest/globals'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, startBroker } from '../../testing/broker-fixture.ts'
import { createTable, type Entry, entriesOf, expire, pull, put } from './testing/table.ts'

/** SEEDS=1000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 6)
jest.setTimeout(30_000 + SEEDS * 20_000)

const TOPIC = 'T'
const QUEUES = 2
const KEYS = 14
/** Stands in front of every body: the simulation's own count of what was sent. */
const serialOf = (value: string) => Number(value.split(' ')[0])

interface Sent {
  readonly serial: number
  readonly isTombstone: boolean
}

interface Life {
  fixture: Fixture
  running: boolean
  following: boolean
  serial: number
  intervalMs: number
  /** By key: everything that was sent, in order; what failed may have been stored all the same. */
  readonly sent: Map<string, Sent[]>
  /** By key: the newest that was acknowledged. */
  readonly acked: Map<string, number>
  readonly scans: { whole: number; seen: number }
}

const keyOf = (queueId: number, n: number) => `q${queueId}k${n}`

/** Each queue has one producer, so what it sends later has a higher offset. */
async function produce(sim: Simulation, life: Life, queueId: number): Promise<void> {
  const { random } = sim
  while (life.running) {
    // Some keys are favourites, others hardly ever come again.
    const key = keyOf(queueId, Math.floor(random.int(KEYS) * random.between(0, 1)))
    const serial = life.serial++
    const isTombstone = random.chance(0.1)
    const list = life.sent.get(key) ?? []
    life.sent.set(key, list)
    list.push({ serial, isTombstone })
    const tag = String(serial)
    try {
      await put(life.fixture, TOPIC, key, isTombstone ? '' : `${serial} ${'x'.repeat(random.int(400))}`, queueId, tag)
      life.acked.set(key, serial)
    } catch {
      await sim.sleep(20)
    }
    if (random.chance(0.4)) await sim.sleep(random.int(40))
  }
}

/** Reads a queue once from its beginning to its end; undefined when something failed on the way. */
async function scan(life: Life, queueId: number): Promise<Entry[] | undefined> {
  const all: Entry[] = []
  const { fixture } = life
  for (let at = 0; ; ) {
    const answer = await pull(fixture, TOPIC, at, queueId).catch(() => undefined)
    if (answer === undefined) return undefined
    for (const entry of entriesOf(answer.body)) {
      if (entry.queueOffset <= (all.at(-1)?.queueOffset ?? -1) || entry.queueOffset < at)
        throw new Error(`queue ${queueId}: offset ${entry.queueOffset} came after ${all.at(-1)?.queueOffset}`)
      all.push(entry)
    }
    if (answer.status === 'PULL_NOT_FOUND') return all
    if (answer.nextBeginOffset <= at) throw new Error(`${answer.status} at ${at} leads to ${answer.nextBeginOffset}`)
    at = answer.nextBeginOffset
  }
}

/** `before`: what had been acknowledged when the scan began. */
function check(life: Life, queueId: number, entries: readonly Entry[], before: ReadonlyMap<string, number>): void {
  const seen = new Map<string, { serial: number; endsDeleted: boolean }>()
  for (const { key, value } of entries) {
    const last = seen.get(key)
    if (value === '') {
      seen.set(key, { serial: last?.serial ?? -1, endsDeleted: true })
      continue
    }
    const serial = serialOf(value)
    if (last !== undefined && serial <= last.serial)
      throw new Error(`key ${key}: value ${serial} came after ${last.serial}`)
    seen.set(key, { serial, endsDeleted: false })
  }
  for (const [key, acked] of before) {
    if (!key.startsWith(`q${queueId}`)) continue
    const found = seen.get(key)
    if (found !== undefined && found.serial >= acked) continue
    // Whatever came last may have been a tombstone, acknowledged or not.
    const mayBeDeleted = life.sent.get(key)!.some(({ serial, isTombstone }) => isTombstone && serial >= acked)
    if (found === undefined || found.endsDeleted) {
      if (!mayBeDeleted) throw new Error(`key ${key}: value ${acked} was acknowledged and is not there`)
    } else throw new Error(`key ${key}: ${acked} was acknowledged, and a reader ends with ${found.serial}`)
  }
}

async function readOver(sim: Simulation, life: Life): Promise<void> {
  while (life.running) {
    for (let queueId = 0; queueId < QUEUES; queueId++) {
      const before = new Map(life.acked)
      const started = sim.nowMs
      const entries = await scan(life, queueId)
      // Two runs may have ended meanwhile: then a tombstone may have gone from under the reader.
      if (entries === undefined || sim.nowMs - started >= life.intervalMs) continue
      check(life, queueId, entries, before)
      life.scans.whole++
      life.scans.seen += entries.length
    }
    await sim.sleep(sim.random.int(150))
  }
}

/** Goes on where it stood, whatever happens to the broker: never sees an older value of a key after a newer one. */
async function follow(sim: Simulation, life: Life, queueId: number): Promise<Map<string, number>> {
  const newest = new Map<string, number>()
  for (let at = 0, last = -1; life.following; ) {
    const answer = await pull(life.fixture, TOPIC, at, queueId).catch(() => undefined)
    if (answer === undefined || answer.status === 'PULL_NOT_FOUND') {
      await sim.sleep(30 + sim.random.int(200))
      continue
    }
    for (const { key, value, queueOffset } of entriesOf(answer.body)) {
      if (queueOffset <= last) throw new Error(`offset ${queueOffset} came after ${last}`)
      last = queueOffset
      if (value === '') continue
      const serial = serialOf(value)
      if (serial <= (newest.get(key) ?? -1)) throw new Error(`key ${key}: ${serial} came after ${newest.get(key)}`)
      newest.set(key, serial)
    }
    if (answer.nextBeginOffset < at) throw new Error(`a follower at ${at} is sent back to ${answer.nextBeginOffset}`)
    at = answer.nextBeginOffset
  }
  return newest
}

async function trouble(sim: Simulation, life: Life): Promise<void> {
  const { random } = sim
  for (let i = 0; i < 6; i++) {
    await sim.sleep(random.int(2000))
    const { disk } = life.fixture.host
    const failing = async (fault: Parameters<typeof disk.fail>[0]) => {
      const heal = disk.fail(fault)
      await sim.sleep(random.int(2000))
      heal()
    }
    const path = '/store/compaction'
    const probability = random.pick([1, 0.5, 0.1])
    switch (random.int(10)) {
      case 0:
        life.fixture = await life.fixture.restart('kill')
        break
      case 1:
      case 2:
        life.fixture = await life.fixture.restart('power')
        break
      case 3:
        life.fixture = await life.fixture.restart('stop')
        break
      case 4:
        await failing({ on: 'write', path: random.pick(['/store/', path]), code: 'ENOSPC', probability })
        break
      case 5:
        await failing({ on: random.pick(['write', 'sync'] as const), path, probability })
        break
      case 6:
        await failing({ on: random.pick(['rename', 'remove', 'syncDirectory'] as const), path, probability })
        break
      case 7:
        await failing({ on: 'open', path, probability })
        break
      case 8:
        await failing({ on: ['read', 'truncate', 'list'], path, probability })
        break
      default:
        // The commit log forgets all but its newest files.
        await expire(life.fixture).catch(() => {})
    }
  }
}

async function live(sim: Simulation, troubled: boolean): Promise<void> {
  const { random } = sim
  const intervalMs = 200 + random.int(1200)
  const fixture = await startBroker(sim, {
    flushDiskType: 'SYNC_FLUSH',
    mappedFileSizeCommitLog: 80 * 1024,
    maxMessageSize: 8 * 1024,
    compactionMappedFileSize: random.pick([1150, 4600, 20_000]),
    compactionCqMappedFileSize: random.pick([460, 2300]),
    maxOffsetMapSize: random.pick([1, 1_000_000]),
    compactionScheduleInternal: intervalMs,
  })
  await createTable(fixture, TOPIC, QUEUES)
  const life: Life = {
    fixture,
    running: true,
    following: true,
    serial: 0,
    intervalMs,
    sent: new Map(),
    acked: new Map(),
    scans: { whole: 0, seen: 0 },
  }
  const queueIds = Array.from({ length: QUEUES }, (_, queueId) => queueId)
  const load = Promise.all([...queueIds.map(queueId => produce(sim, life, queueId)), readOver(sim, life)])
  const following = Promise.all(queueIds.map(queueId => follow(sim, life, queueId)))
  // Whoever fails first is heard.
  const failed = Promise.race([load.then(() => {}), following.then(() => {})])
  await Promise.race([troubled ? trouble(sim, life) : sim.sleep(6000), failed])
  await sim.sleep(3000)
  life.running = false
  await load
  await sim.sleep(1000)
  life.following = false
  const tables = await following
  for (const queueId of queueIds) {
    const entries = await scan(life, queueId)
    if (entries === undefined) throw new Error('nothing is wrong any more, and the queue cannot be read')
    check(life, queueId, entries, life.acked)
    // Whoever only follows comes to the same, deletions apart.
    for (const { key, value } of entries)
      if (value !== '' && serialOf(value) > (tables[queueId]!.get(key) ?? -1))
        throw new Error(`key ${key}: a follower has missed ${value}`)
  }
  expect(life.scans.whole).toBeGreaterThan(3)
  expect(life.acked.size).toBeGreaterThan(10)
}

const file = import.meta.filename

test('without trouble the newest value of each key can always be read', () =>
  everySeed(Math.ceil(SEEDS / 5), (_world, sim) => live(sim, false), { file }))

test('through kills, power cuts and disks that refuse: no newest value lost, none older after a newer', () =>
  everySeed(SEEDS, (_world, sim) => live(sim, true), { file, firstSeed: Number(process.env.FIRST) }))
