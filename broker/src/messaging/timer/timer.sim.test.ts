import { expect, jest, test } from '@jest/globals'
import { brokerRequests, type DecodedMessage } from '@rocketcluster/protocol'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, startBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'

/** SEEDS=2000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 4)
jest.setTimeout(30_000 + SEEDS * 20_000)

const TOPIC = 'T'
const QUEUES = 2
const PRECISION_MS = 100
/** What the wheel reaches: messages further away roll. */
const WINDOW_SLOTS = 40
const LONGEST_MS = 10_000

interface Life {
  fixture: Fixture
  running: boolean
  troubles: number
  serial: number
  /** By id: when it is due, by the broker's clock. */
  readonly acked: Map<string, number>
  /** Acknowledged recalls. */
  readonly recalled: Set<string>
  /** Recalls that nobody has heard of since: they may have worked. */
  readonly maybeRecalled: Set<string>
}

async function produce(sim: Simulation, life: Life): Promise<void> {
  const { random } = sim
  while (life.running) {
    const id = `M${life.serial++}`
    const { fixture } = life
    const { clock } = fixture.broker.services.world
    // Some moments are favourites: their slots have long lists.
    const delayMs = random.int(LONGEST_MS)
    const wanted = clock.now() + delayMs
    const deliverMs = random.chance(0.3) ? wanted - (wanted % 2000) + 2000 : wanted
    try {
      const sent = await fixture.send(TOPIC, {
        body: id + 'x'.repeat(random.int(200)),
        queueId: random.int(QUEUES),
        properties: propertiesOf({ TIMER_DELIVER_MS: String(deliverMs), UNIQ_KEY: id }),
      })
      if (sent.status === 'SUCCESS') life.acked.set(id, deliverMs)
      if (random.chance(0.25) && sent.recallHandle !== undefined) void recallLater(sim, life, id, sent.recallHandle)
    } catch {
      await sim.sleep(20)
    }
    if (random.chance(0.7)) await sim.sleep(random.int(120))
  }
}

async function recallLater(sim: Simulation, life: Life, id: string, recallHandle: string): Promise<void> {
  await sim.sleep(sim.random.int(3000))
  life.maybeRecalled.add(id)
  const { fixture } = life
  try {
    await fixture.ask(brokerRequests.recallMessage, { producerGroup: 'PG', topic: TOPIC, recallHandle })
  } catch {
    return
  }
  // The answer took its time; what counts is that it was there before the message was due.
  const { clock } = life.fixture.broker.services.world
  if (clock.now() < (life.acked.get(id) ?? 0)) life.recalled.add(id)
}

async function trouble(sim: Simulation, life: Life, clockJumps: boolean): Promise<void> {
  const { random } = sim
  for (let i = 0; i < 7; i++) {
    await sim.sleep(random.int(3500))
    const { disk } = life.fixture.host
    life.troubles++
    const failing = async (fault: Parameters<typeof disk.fail>[0]) => {
      const heal = disk.fail(fault)
      await sim.sleep(random.int(2500))
      heal()
    }
    switch (random.int(clockJumps ? 9 : 8)) {
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
        await failing({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
        break
      case 5:
        await failing({ on: random.chance(0.5) ? 'write' : 'sync', path: '/store/timer', code: 'EIO' })
        break
      case 6:
        await failing({ on: 'read', path: '/store/timer', code: 'EIO', probability: 0.5 })
        break
      case 7:
        await failing({ on: random.chance(0.5) ? 'write' : 'sync', path: '/store/config/timer', code: 'EIO' })
        break
      default:
        life.fixture.host.jumpClock(-random.int(5000))
    }
  }
}

async function allOf(fixture: Fixture): Promise<DecodedMessage[]> {
  const { store } = fixture.broker.services
  const all: DecodedMessage[] = []
  for (let queueId = 0; queueId < QUEUES; queueId++)
    for (let at = 0; at < store.maxOffset(TOPIC, queueId); ) {
      const read = await readQueue(store, TOPIC, queueId, at, 32)
      all.push(...read.messages)
      at = read.nextOffset
    }
  return all
}

function check(life: Life, delivered: readonly DecodedMessage[], clockJumps: boolean): void {
  const copies = new Map<string, DecodedMessage[]>()
  for (const message of delivered) {
    const id = message.property('UNIQ_KEY')!
    copies.set(id, [...(copies.get(id) ?? []), message])
    const deliverMs = Number(message.property('TIMER_DELIVER_MS'))
    if (message.storeTimestamp < deliverMs)
      throw new Error(`message ${id} was stored ${deliverMs - message.storeTimestamp} ms before its time`)
    if (!message.body.toString().startsWith(id)) throw new Error(`message ${id} came with the body of another`)
  }
  for (const id of life.acked.keys())
    if (!copies.has(id) && !life.maybeRecalled.has(id))
      throw new Error(`message ${id} was acknowledged and never delivered`)
  // A recall and its message miss each other when the clock is put back between them.
  if (!clockJumps)
    for (const id of life.recalled)
      if (copies.has(id)) throw new Error(`message ${id} was delivered although its recall had been acknowledged`)
  if (life.troubles === 0) expect(delivered).toHaveLength(copies.size)
}

async function live(sim: Simulation, { troubled, clockJumps }: { troubled: boolean; clockJumps: boolean }) {
  const { random } = sim
  const fixture = await startBroker(sim, {
    flushDiskType: 'SYNC_FLUSH',
    timerPrecisionMs: PRECISION_MS,
    timerRollWindowSlot: WINDOW_SLOTS,
    timerFlushIntervalMs: 20 + random.int(1500),
    mappedFileSizeTimerLog: 4096,
    mappedFileSizeCommitLog: 128 * 1024,
    maxMessageSize: 32 * 1024,
  })
  const life: Life = {
    fixture,
    running: true,
    troubles: 0,
    serial: 0,
    acked: new Map(),
    recalled: new Set(),
    maybeRecalled: new Set(),
  }
  const load = Promise.all(Array.from({ length: 3 }, () => produce(sim, life)))
  if (troubled) await trouble(sim, life, clockJumps)
  else await sim.sleep(8000)
  life.running = false
  await load
  // The last of them, the turns of a loop that failed, and a clock that was put back.
  await sim.sleep(LONGEST_MS + 12_000)
  check(life, await allOf(life.fixture), clockJumps)
  expect(life.acked.size).toBeGreaterThan(20)
  expect(life.fixture.broker.services.timer.pending).toBe(0)
}

const file = import.meta.filename

test('without trouble every message comes once, not early', () =>
  everySeed(Math.ceil(SEEDS / 5), (_world, sim) => live(sim, { troubled: false, clockJumps: false }), { file }))

test('through kills, power cuts and disks that refuse: never early, never lost, never after a recall', () =>
  everySeed(SEEDS, (_world, sim) => live(sim, { troubled: true, clockJumps: false }), { file }))

test('through clocks that are put back as well', () =>
  everySeed(SEEDS, (_world, sim) => live(sim, { troubled: true, clockJumps: true }), { file, firstSeed: 100_000 }))
