import { expect, jest, test } from '@jest/globals'
import { brokerRequests, type DecodedMessage, SCHEDULE_TOPIC } from '@rocketcluster/protocol'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, startBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'

/** SEEDS=2000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 4)
jest.setTimeout(60_000 + SEEDS * 10_000)

const LEVELS_MS = [0, 1000, 2000, 5000]
const QUEUES = 2
const TOPIC = 'T'
const GROUP = 'G'
const RETRY = `%RETRY%${GROUP}`
/** A clock may run so much too fast. */
const DRIFT = 1 - 300e-6

interface Acked {
  readonly delayMs: number
  /** True time at which its producer began to send it. */
  readonly sentMs: number
}

/** One broker's life with producers, consumers that fail, crashes and disk faults; then everything is checked. */
class Life {
  readonly sim: Simulation
  readonly acked = new Map<string, Acked>()
  /** True time at which each place of each queue became readable last. */
  readonly readableMs = new Map<string, number>()
  troubles = 0
  serial = 0
  fixture: Fixture
  running = true

  constructor(sim: Simulation, fixture: Fixture) {
    this.sim = sim
    this.fixture = fixture
  }

  watch(): void {
    this.fixture.broker.services.arrivals.add(arrivals => {
      for (const { topic, queueId, maxOffset } of arrivals)
        this.readableMs.set(`${topic} ${queueId} ${maxOffset - 1}`, this.sim.nowMs)
    })
  }

  /** What is acknowledged is remembered; all else may or may not be there. */
  async produce(): Promise<void> {
    const { random } = this.sim
    while (this.running) {
      const level = random.int(LEVELS_MS.length) + 1
      const id = `${this.serial++}`
      const sentMs = this.sim.nowMs
      const { fixture } = this
      try {
        const sent = await fixture.send(TOPIC, {
          body: id,
          queueId: random.int(QUEUES),
          properties: propertiesOf({ DELAY: String(level), UNIQ_KEY: id }),
        })
        if (sent.status === 'SUCCESS') this.acked.set(id, { delayMs: LEVELS_MS[level - 1]!, sentMs })
      } catch {
        await this.sim.sleep(20)
      }
      if (random.chance(0.8)) await this.sim.sleep(random.int(250))
    }
  }

  /** Sends a plain message and gives it back at once. */
  async consume(): Promise<void> {
    const { random } = this.sim
    while (this.running) {
      const id = `back-${this.serial++}`
      const { fixture } = this
      try {
        const { msgId } = await fixture.send('Plain', { body: id, properties: propertiesOf({ UNIQ_KEY: id }) })
        const sentMs = this.sim.nowMs
        const level = random.int(LEVELS_MS.length) + 1
        await fixture.ask(brokerRequests.consumerSendMsgBack, {
          group: GROUP,
          offset: Number.parseInt(msgId.slice(16), 16),
          delayLevel: level,
          unitMode: false,
        })
        this.acked.set(id, { delayMs: LEVELS_MS[level - 1]!, sentMs })
      } catch {
        await this.sim.sleep(20)
      }
      await this.sim.sleep(random.int(400))
    }
  }

  async trouble(clockJumps: boolean): Promise<void> {
    const { sim } = this
    const { random } = sim
    for (let i = 0; i < 6; i++) {
      await sim.sleep(random.int(4000))
      const { disk } = this.fixture.host
      const kind = random.int(clockJumps ? 6 : 5)
      this.troubles++
      if (kind === 0) await this.restart('kill')
      else if (kind === 1) await this.restart('power')
      else if (kind === 2) await this.restart('stop')
      else if (kind === 3) {
        const heal = disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
        await sim.sleep(random.int(3000))
        heal()
      } else if (kind === 4) {
        const heal = disk.fail({ on: random.chance(0.5) ? 'write' : 'sync', path: '/store/config/', code: 'EIO' })
        await sim.sleep(random.int(3000))
        heal()
      } else this.fixture.host.jumpClock(-random.int(60_000))
    }
  }

  async restart(how: 'kill' | 'power' | 'stop'): Promise<void> {
    this.fixture = await this.fixture.restart(how)
    this.watch()
  }

  async read(topic: string, queues: number): Promise<DecodedMessage[]> {
    const { store } = this.fixture.broker.services
    const all: DecodedMessage[] = []
    for (let queueId = 0; queueId < queues; queueId++)
      for (let at = 0; at < store.maxOffset(topic, queueId); ) {
        const read = await readQueue(store, topic, queueId, at, 32)
        all.push(...read.messages)
        at = read.nextOffset
      }
    return all
  }
}

const idOf = (message: DecodedMessage) => message.property('UNIQ_KEY')!

function check(life: Life, delivered: DecodedMessage[], waiting: DecodedMessage[], clockJumps: boolean): void {
  const sources = new Map(waiting.map(message => [idOf(message), message]))
  const copies = new Map<string, DecodedMessage[]>()
  for (const message of delivered) copies.set(idOf(message), [...(copies.get(idOf(message)) ?? []), message])

  for (const id of life.acked.keys())
    if (!copies.has(id)) throw new Error(`message ${id} was acknowledged and never delivered`)
  for (const [id, [first]] of copies) {
    const source = sources.get(id)
    if (!source) throw new Error(`message ${id} was delivered and never waited`)
    const delayMs = LEVELS_MS[source.queueId]!
    const tookMs = first!.storeTimestamp - source.storeTimestamp
    if (!clockJumps && tookMs < delayMs) throw new Error(`message ${id} came after ${tookMs} of ${delayMs} ms`)
    const acked = life.acked.get(id)
    const readableMs = life.readableMs.get(`${first!.topic} ${first!.queueId} ${first!.queueOffset}`)
    if (acked && readableMs !== undefined && readableMs - acked.sentMs < acked.delayMs * DRIFT)
      throw new Error(
        `message ${id} was readable ${readableMs - acked.sentMs} ms after its send, its delay is ${delayMs} ms`,
      )
    expect(first!.body.toString()).toBe(source.body.toString())
  }
  // Among the messages of one level and one real queue the first copies come in the order of the level.
  for (const level of LEVELS_MS.keys())
    for (const key of [`${TOPIC} 0`, `${TOPIC} 1`, `${RETRY} 0`]) {
      const order = [...copies.values()]
        .map(([first]) => first!)
        .filter(m => `${m.topic} ${m.queueId}` === key && sources.get(idOf(m))!.queueId === level)
        .sort((a, b) => a.queueOffset - b.queueOffset)
        .map(m => sources.get(idOf(m))!.queueOffset)
      expect(order).toEqual([...order].sort((a, b) => a - b))
    }
  if (life.troubles === 0) expect(delivered).toHaveLength(copies.size)
}

async function live(sim: Simulation, { troubled, clockJumps }: { troubled: boolean; clockJumps: boolean }) {
  const { random } = sim
  const fixture = await startBroker(sim, {
    flushDiskType: 'SYNC_FLUSH',
    messageDelayLevel: LEVELS_MS,
    flushDelayOffsetInterval: 50 + random.int(2000),
    mappedFileSizeCommitLog: 160 * 1024,
  })
  const life = new Life(sim, fixture)
  life.watch()
  const load = Promise.all([...Array.from({ length: 2 }, () => life.produce()), life.consume()])
  if (troubled) await life.trouble(clockJumps)
  else await sim.sleep(8000)
  life.running = false
  await load
  // The last delay, a level that waits after a failure, and a clock that was put back.
  await sim.sleep(40_000)
  const delivered = [...(await life.read(TOPIC, QUEUES)), ...(await life.read(RETRY, 1))]
  check(life, delivered, await life.read(SCHEDULE_TOPIC, LEVELS_MS.length), clockJumps)
  expect(life.acked.size).toBeGreaterThan(20)
}

const file = import.meta.filename

test('without trouble every message comes once, not early and in order', () =>
  everySeed(Math.ceil(SEEDS / 5), (_world, sim) => live(sim, { troubled: false, clockJumps: false }), { file }))

test('through kills, power cuts and disks that refuse: never early, never lost', () =>
  everySeed(SEEDS, (_world, sim) => live(sim, { troubled: true, clockJumps: false }), { file }))

test('through clocks that are put back: never early, never lost', () =>
  everySeed(SEEDS, (_world, sim) => live(sim, { troubled: true, clockJumps: true }), { file, firstSeed: 100_000 }))
