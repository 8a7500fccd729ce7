import { jest, test } from '@jest/globals'
import { brokerRequests } from '@rocketcluster/protocol'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, startBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { parseHandle } from './extra-info.ts'
import { type Popped, Popper } from './testing/popper.ts'

/** SEEDS=2000 for a long night, from FIRST_SEED on. */
const SEEDS = Number(process.env.SEEDS ?? 4)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 0)
jest.setTimeout(30_000 + SEEDS * 15_000)

const TOPIC = 'T'
const ORDERED = 'Ordered'
const QUEUES = 3
const TROUBLES = 4
/** Everything comes back within seconds; what has not come after so long is lost. */
const DRAIN_MS = 60_000

interface Settings {
  readonly flushDiskType: 'SYNC_FLUSH' | 'ASYNC_FLUSH'
  readonly enablePopBufferMerge: boolean
  readonly enableRetryTopicV2: boolean
  readonly clockJumps: boolean
}

interface OrderedPop {
  readonly popped: readonly Popped[]
  readonly attemptId: string
  readonly life: number
}

/** One broker's life with producers and pop consumers, crashes and disk faults; every answer is checked as it comes. */
class Life {
  readonly sim: Simulation
  readonly settings: Settings
  fixture: Fixture
  running = true
  draining = false
  /** Counts starts of the broker. */
  life = 0
  crashes = 0
  /** Times at which the disk refused to write. */
  refusals = 0
  serial = 0
  /** Messages whose producer was told that they are stored, by id. */
  readonly sent = new Set<string>()
  /** Messages that a consumer has tried to acknowledge. */
  readonly consumed = new Set<string>()
  /** Places (topic, queue, offset) of which a consumer got the message. */
  readonly received = new Map<string, string>()
  /** Places that were acknowledged in time, with the broker's word for it. */
  readonly acked = new Set<string>()
  /** Until when a message is invisible under a handle that some consumer holds, by id and place. */
  readonly invisible = new Map<string, Map<string, number>>()
  readonly ordered = new Map<number, OrderedPop>()
  readonly orderedAcks = new Map<number, Set<number>>()
  failure: Error | undefined

  constructor(sim: Simulation, fixture: Fixture, settings: Settings) {
    this.sim = sim
    this.fixture = fixture
    this.settings = settings
  }

  /**
   * A log that keeps what it has said keeps check points and acks. A check point that the disk refused makes the queue begin
   * there again after a crash: what was popped behind it comes twice then.
   */
  get exact(): boolean {
    if (this.refusals > 0) return false
    return this.settings.flushDiskType === 'SYNC_FLUSH' && !this.settings.enablePopBufferMerge
  }

  get now(): number {
    return this.fixture.host.world.clock.now()
  }

  fail(why: string): never {
    this.failure ??= new Error(why)
    this.running = false
    throw this.failure
  }

  async produce(topic: string): Promise<void> {
    const { random } = this.sim
    while (this.running && !this.draining) {
      const id = `${topic}-${this.serial++}`
      try {
        const answer = await this.fixture.send(topic, { body: id, queueId: random.int(QUEUES) })
        if (answer.status === 'SUCCESS') this.sent.add(id)
      } catch {
        await this.sim.sleep(20)
      }
      if (random.chance(0.7)) await this.sim.sleep(random.int(150))
    }
  }

  async consume(group: string): Promise<void> {
    const { random } = this.sim
    const popper = new Popper(this.fixture, { topic: TOPIC, group })
    while (this.running) {
      popper.fixture = this.fixture
      try {
        const popped = await popper.pop({
          maxMsgNums: 1 + random.int(8),
          invisibleTime: 500 + random.int(3000),
          pollTime: random.chance(0.5) ? random.int(2000) : 0,
          queueId: random.chance(0.8) ? -1 : random.int(QUEUES),
        })
        for (const one of popped) this.got(group, one)
        await this.dealWith(popper, popped)
      } catch (error) {
        if (this.failure) throw error
        await this.sim.sleep(20)
      }
      if (random.chance(0.5)) await this.sim.sleep(random.int(200))
    }
  }

  got(group: string, popped: Popped): void {
    const place = placeOf(group, popped)
    const id = `${group} ${popped.body}`
    if (this.exact) {
      if (this.acked.has(place)) this.fail(`${place} (${popped.body}) was acknowledged and delivered again`)
      if (this.received.has(place)) this.fail(`${place} (${popped.body}) was delivered twice from the same place`)
    }
    this.received.set(place, popped.body)
    const holders = this.invisible.get(id) ?? new Map<string, number>()
    if (this.crashes + this.refusals === 0 && !this.settings.clockJumps)
      for (const [other, until] of holders)
        if (popped.popTime < until)
          this.fail(`${place} (${popped.body}) was delivered ${until - popped.popTime} ms before ${other} let go of it`)
    holders.set(place, popped.popTime + popped.invisibleTime)
    this.invisible.set(id, holders)
  }

  async dealWith(popper: Popper, popped: readonly Popped[]): Promise<void> {
    const { random } = this.sim
    if (popped.length === 0) return
    if (random.chance(0.2) && !this.draining) {
      await this.ackBatch(popper, popped)
      return
    }
    for (let one of popped) {
      if (random.chance(0.3)) await this.sim.sleep(random.int(400))
      popper.fixture = this.fixture
      if (!this.draining && random.chance(0.15)) continue
      if (random.chance(0.15)) {
        const held = this.invisible.get(`${popper.group} ${one.body}`)!
        const invisibleTime = 200 + random.int(3000)
        // Until the answer is there, either may hold.
        held.set(placeOf(popper.group, one), 0)
        const wasValid = this.now < one.popTime + one.invisibleTime
        one = await popper.changeInvisibleTime(one, invisibleTime)
        if (wasValid && this.now < one.popTime) held.set(placeOf(popper.group, one), one.popTime + invisibleTime)
        if (random.chance(0.3)) continue
      }
      await this.ack(popper, one)
    }
  }

  async ack(popper: Popper, one: Popped): Promise<void> {
    this.consumed.add(`${popper.group} ${one.body}`)
    await popper.ack(one)
    this.wasAcked(popper.group, one)
  }

  async ackBatch(popper: Popper, popped: readonly Popped[]): Promise<void> {
    const { fixture, settings } = this
    popper.fixture = fixture
    for (const { body } of popped) this.consumed.add(`${popper.group} ${body}`)
    const acks = popped.map(one => {
      const handle = parseHandle(one.handle)
      const bit = one.queueOffset - handle.startOffset
      const b = Buffer.alloc((bit >> 3) + 1)
      b[bit >> 3] = 1 << (bit & 7)
      return {
        b,
        c: popper.group,
        it: handle.invisibleTime,
        pt: handle.popTime,
        q: one.queueId,
        r: one.realTopic === TOPIC ? '0' : settings.enableRetryTopicV2 ? '2' : '1',
        rq: handle.reviveQueueId,
        so: handle.startOffset,
        t: TOPIC,
      }
    })
    await fixture.ask(brokerRequests.batchAckMessage, {}, { body: { acks, brokerName: 'broker-a' } })
    for (const one of popped) this.wasAcked(popper.group, one)
  }

  wasAcked(group: string, one: Popped): void {
    if (!this.settings.clockJumps && this.now < one.popTime + one.invisibleTime) this.acked.add(placeOf(group, one))
    this.invisible.get(`${group} ${one.body}`)?.delete(placeOf(group, one))
  }

  async consumeInOrder(group: string): Promise<void> {
    const { random } = this.sim
    const popper = new Popper(this.fixture, { topic: ORDERED, group })
    let attempt = 0
    while (this.running) {
      popper.fixture = this.fixture
      const queueId = random.int(QUEUES)
      const attemptId = `${group}-${random.int(1e9)}-${attempt++}`
      try {
        const popped = await popper.pop({
          order: true,
          attemptId,
          queueId,
          maxMsgNums: 1 + random.int(5),
          invisibleTime: 500 + random.int(2000),
          pollTime: random.chance(0.5) ? random.int(1500) : 0,
        })
        if (popped.length > 0) this.gotInOrder(queueId, popped, attemptId)
        for (const one of popped) {
          if (random.chance(0.3)) await this.sim.sleep(random.int(300))
          if (!this.draining && random.chance(0.1)) break
          popper.fixture = this.fixture
          this.consumed.add(`order ${one.body}`)
          const acks = this.orderedAcks.get(queueId) ?? new Set()
          acks.add(one.queueOffset)
          this.orderedAcks.set(queueId, acks)
          await popper.ack(one)
        }
      } catch (error) {
        if (this.failure) throw error
        await this.sim.sleep(20)
      }
      if (random.chance(0.5)) await this.sim.sleep(random.int(100))
    }
  }

  gotInOrder(queueId: number, popped: readonly Popped[], attemptId: string): void {
    const offsets = popped.map(({ queueOffset }) => queueOffset)
    for (let i = 1; i < offsets.length; i++)
      if (offsets[i]! <= offsets[i - 1]!) this.fail(`queue ${queueId} was delivered as ${offsets}`)
    const acks = this.orderedAcks.get(queueId) ?? new Set()
    if (this.settings.flushDiskType === 'SYNC_FLUSH')
      for (let offset = 0; offset < offsets[0]!; offset++)
        if (!acks.has(offset)) this.fail(`queue ${queueId} went on to ${offsets} before ${offset} was consumed`)
    const before = this.ordered.get(queueId)
    if (before !== undefined && before.life === this.life && !this.settings.clockJumps)
      for (const one of before.popped)
        if (!acks.has(one.queueOffset) && popped[0]!.popTime < one.popTime + one.invisibleTime)
          this.fail(`queue ${queueId} was delivered as ${offsets} while ${one.queueOffset} was invisible`)
    this.ordered.set(queueId, { popped, attemptId, life: this.life })
  }

  async trouble(): Promise<void> {
    const { sim } = this
    const { random } = sim
    for (let i = 0; i < TROUBLES && this.running; i++) {
      await sim.sleep(random.int(3000))
      const { disk } = this.fixture.host
      const kind = random.int(this.settings.clockJumps ? 7 : 6)
      if (kind === 0) await this.restart('kill')
      else if (kind === 1) await this.restart('power')
      else if (kind === 2) await this.restart('stop')
      else if (kind === 3) {
        this.refusals++
        const heal = disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
        await sim.sleep(random.int(3000))
        heal()
      } else if (kind === 4) {
        this.refusals++
        const heal = disk.fail({ on: random.chance(0.5) ? 'write' : 'sync', path: '/store/config/', code: 'EIO' })
        await sim.sleep(random.int(3000))
        heal()
      } else if (kind === 5) {
        this.refusals++
        // A disk that fails to sync is the end of a process (docs/store.md).
        const heal = disk.fail({ on: 'sync', path: '/store/commitlog/', code: 'EIO', times: 1 })
        await sim.sleep(random.int(2000))
        heal()
        await this.restart('kill')
      } else this.fixture.host.jumpClock(random.between(-20_000, 20_000))
    }
  }

  async restart(how: 'kill' | 'power' | 'stop'): Promise<void> {
    this.life++
    if (how !== 'stop') this.crashes++
    this.fixture = await this.fixture.restart(how)
  }

  async keepWhatIsStored(): Promise<void> {
    const { store } = this.fixture.broker.services
    this.sent.clear()
    // Ordered messages are acknowledged by their place alone: one that takes the place of a lost one may count as consumed.
    for (const topic of [TOPIC])
      for (let queueId = 0; queueId < QUEUES; queueId++)
        for (let at = 0; at < store.maxOffset(topic, queueId); ) {
          const read = await readQueue(store, topic, queueId, at, 32)
          for (const message of read.messages) this.sent.add(message.body.toString())
          at = read.nextOffset
        }
  }

  /** Waits until everything that was stored was consumed by each group, and nothing is left to come back. */
  async drain(groups: readonly string[]): Promise<void> {
    this.draining = true
    // Without a sync, a power cut may take what was acknowledged; what is still there counts all the same.
    if (this.settings.flushDiskType === 'ASYNC_FLUSH') await this.keepWhatIsStored()
    const missing = () => [
      ...groups.flatMap(group =>
        [...this.sent]
          .filter(id => id.startsWith(`${TOPIC}-`) && !this.consumed.has(`${group} ${id}`))
          .map(id => `${group} ${id}`),
      ),
      ...[...this.sent].filter(id => id.startsWith(`${ORDERED}-`) && !this.consumed.has(`order ${id}`)),
    ]
    const endMs = this.sim.nowMs + DRAIN_MS
    while (this.running && missing().length > 0 && this.sim.nowMs < endMs) await this.sim.sleep(500)
    if (missing().length > 0) this.fail(`never delivered: ${missing().slice(0, 5)} (${missing().length})`)
    // Pops whose answers were lost come back too.
    const { pops } = this.fixture.broker.services
    while (this.running && pops.ledger.checkPointCount > 0 && this.sim.nowMs < endMs) await this.sim.sleep(500)
    if (pops.ledger.checkPointCount > 0) this.fail(`${pops.ledger.checkPointCount} check points are left`)
  }
}

const placeOf = (group: string, { realTopic, queueId, queueOffset }: Popped) =>
  `${group} ${realTopic}/${queueId}/${queueOffset}`

test('what was popped is never lost, and what was acknowledged stays so', () =>
  everySeed(
    SEEDS,
    async (_world, sim) => {
      const { random } = sim
      const settings: Settings = {
        flushDiskType: random.chance(0.6) ? 'SYNC_FLUSH' : 'ASYNC_FLUSH',
        enablePopBufferMerge: random.chance(0.3),
        enableRetryTopicV2: random.chance(0.3),
        clockJumps: random.chance(0.2),
      }
      const { clockJumps, ...overrides } = settings
      // Pops that go on for ever must not end as dead letters: that is looked at elsewhere.
      const fixture = await startBroker(sim, {
        ...overrides,
        defaultTopicQueueNums: QUEUES,
        popCkStayBufferTime: 1000,
        popCkStayBufferTimeOut: 200,
        flushConsumerOffsetInterval: 700,
      })
      const life = new Life(sim, fixture, settings)
      const groups = ['A', 'B']
      for (const group of groups)
        await fixture.broker.services.groups.put({
          ...(await fixture.broker.services.groups.find(group))!,
          retryMaxTimes: -1,
        })
      const work = [
        life.produce(TOPIC),
        life.produce(ORDERED),
        ...groups.flatMap(group => [life.consume(group), life.consume(group)]),
        life.consumeInOrder('O'),
        life.consumeInOrder('O'),
      ]
      const guarded = Promise.allSettled(work)
      await life.trouble()
      await sim.sleep(1000)
      // A disk that failed may have left the process of no use.
      await life.restart('kill')
      await life.drain(groups).catch(() => {})
      life.running = false
      const results = await guarded
      if (life.failure) throw life.failure
      for (const result of results) if (result.status === 'rejected') throw result.reason
      await life.fixture.broker.stop()
    },
    { firstSeed: FIRST_SEED, file: import.meta.filename },
  ))
