import { describe, jest, test } from '@jest/globals'
import {
  type DecodedMessage,
  property,
  TRANS_CHECK_MAX_TIME_TOPIC,
  TRANS_HALF_TOPIC,
  transactionType,
} from '@rocketcluster/protocol'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, startBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { COMMIT, type Prepared, ROLLBACK, TestProducer, UNKNOWN } from './testing/producer.ts'

/** Of each kind of trouble; SEEDS=1000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 3)
/** To go on where another night ended. */
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 0)
jest.setTimeout(60_000 + SEEDS * 10_000)

const TOPIC = 'T'
const SETTINGS = {
  transactionTimeOut: 800,
  transactionCheckInterval: 400,
  transactionCheckMax: 4,
  transactionOpBatchInterval: 300,
  transactionOpMsgMaxSize: 24,
  flushConsumerOffsetInterval: 500,
  flushIntervalCommitLog: 50,
}

type Fate = 'commit' | 'rollback' | 'undecided'
type Trouble = 'kill' | 'power' | 'disk'

interface Transaction {
  readonly id: string
  fate: Fate
  /** Wall time of the decision. */
  decidedMs: number
  acked: boolean
  asked: number
  /** It was acknowledged with ASYNC_FLUSH in a life that ended with what is not synced being lost. */
  mayBeLost: boolean
}

/** Applications that run transactions, and remember what became of each. */
class Applications {
  readonly transactions = new Map<string, Transaction>()
  readonly producers: TestProducer[]
  readonly #sim: Simulation
  #running = true

  constructor(fixture: Fixture) {
    this.#sim = fixture.sim
    this.producers = ['p0', 'p1'].map(machine => new TestProducer(fixture, machine))
    for (const producer of this.producers) {
      producer.answer = ({ uniqKey }) => {
        const transaction = this.transactions.get(uniqKey)
        if (!transaction) throw new Error(`asked about ${uniqKey}, which nobody has prepared`)
        transaction.asked++
        // Now and then an answer is lost, or comes late.
        if (this.#running && this.#sim.random.next() < 0.2) return undefined
        return { commit: COMMIT, rollback: ROLLBACK, undecided: UNKNOWN }[transaction.fate]
      }
    }
  }

  start(now: () => number): void {
    for (const producer of this.producers) {
      this.#heartbeats(producer)
      for (let i = 0; i < 3; i++) this.#work(producer, now)
    }
  }

  async #heartbeats(producer: TestProducer): Promise<void> {
    for (;;) {
      await producer.heartbeat().catch(() => {})
      // Some are away for a while.
      await this.#sim.sleep(this.#running ? 200 + this.#sim.random.int(1500) : 200)
    }
  }

  async #work(producer: TestProducer, now: () => number): Promise<void> {
    const { random } = this.#sim
    while (this.#running) {
      const id = `x${this.transactions.size}`
      const transaction: Transaction = {
        id,
        // A producer that never hears of its half message does nothing, and says so when asked.
        fate: 'rollback',
        decidedMs: now(),
        acked: false,
        asked: 0,
        mayBeLost: false,
      }
      this.transactions.set(id, transaction)
      let prepared: Prepared
      try {
        prepared = await producer.prepare(TOPIC, id, { bornTimestamp: now() })
      } catch {
        await this.#sim.sleep(20 + random.int(100))
        continue
      }
      transaction.acked = true
      transaction.fate = 'undecided'
      // Some local transactions take longer than the first check does to come.
      await this.#sim.sleep(random.next() < 0.2 ? random.int(3000) : random.int(30))
      transaction.decidedMs = now()
      transaction.fate = random.next() < 0.6 ? 'commit' : random.next() < 0.7 ? 'rollback' : 'undecided'
      const say = { commit: COMMIT, rollback: ROLLBACK, undecided: UNKNOWN }[transaction.fate]
      // Some never say, or say it more than once.
      const times = random.next() < 0.3 ? 0 : random.next() < 0.1 ? 2 : 1
      for (let i = 0; i < times; i++) {
        await producer.end(prepared, say, { oneWay: random.next() < 0.5 }).catch(() => {})
        if (times > 1) await this.#sim.sleep(random.int(2000))
      }
      await this.#sim.sleep(random.int(150))
    }
  }

  /** No new transactions; those that run come to their end, and everybody answers. */
  settle(): void {
    this.#running = false
  }
}

async function all(fixture: Fixture, topic: string): Promise<DecodedMessage[]> {
  const { store } = fixture.broker.services
  const found: DecodedMessage[] = []
  for (let at = store.minOffset(topic, 0); ; ) {
    const { messages, nextOffset } = await readQueue(store, topic, 0, at, 32)
    found.push(...messages)
    if (nextOffset <= at) return found
    at = nextOffset
  }
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what}: found ${String(found)}, should be ${String(wanted)}`)
}

async function life(sim: Simulation, trouble: Trouble, flushDiskType: 'SYNC_FLUSH' | 'ASYNC_FLUSH'): Promise<void> {
  const { random } = sim
  let fixture = await startBroker(sim, { ...SETTINGS, flushDiskType })
  const applications = new Applications(fixture)
  applications.start(() => fixture.host.world.clock.now())
  const lives = 1 + random.int(3)
  for (let n = 0; n < lives; n++) {
    await sim.sleep(random.int(random.next() < 0.5 ? 600 : 5000))
    // After a sync that failed, the system may forget what it had not written yet.
    const syncFailed = trouble === 'disk' && (await refuse(fixture, sim)) === 'sync'
    const how = trouble === 'disk' ? 'kill' : random.next() < 0.2 ? 'stop' : trouble
    // What comes back from the dead may die again at once.
    fixture = await fixture.restart(how)
    for (const machine of ['p0', 'p1']) sim.network.cut(machine, 'broker')
    if (random.next() < 0.3) {
      await sim.sleep(random.int(500))
      fixture = await fixture.restart(trouble === 'power' ? 'power' : 'kill')
      for (const machine of ['p0', 'p1']) sim.network.cut(machine, 'broker')
    }
    if ((trouble === 'power' || syncFailed) && flushDiskType === 'ASYNC_FLUSH')
      for (const transaction of applications.transactions.values()) transaction.mayBeLost = true
  }
  await sim.sleep(random.int(2000))
  applications.settle()
  await sim.sleep(25_000)
  await check(fixture, applications)
}

async function refuse(fixture: Fixture, sim: Simulation): Promise<'write' | 'sync'> {
  const { random } = sim
  const on = random.next() < 0.7 ? 'write' : 'sync'
  const code = random.next() < 0.5 ? 'ENOSPC' : 'EIO'
  const path = random.next() < 0.6 ? '/store/commitlog/' : random.next() < 0.5 ? '/store/config/' : '/store/'
  const heal = fixture.host.disk.fail({ on, code, path, probability: random.next() < 0.5 ? 1 : 0.3 })
  await sim.sleep(random.int(2000))
  heal()
  await sim.sleep(random.int(2000))
  return on
}

async function check(fixture: Fixture, { transactions }: Applications): Promise<void> {
  const times = new Map<string, number>()
  for (const message of await all(fixture, TOPIC)) {
    const id = message.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)!
    const transaction = transactions.get(id)!
    same(`fate of ${id}, which was delivered`, transaction.fate, 'commit')
    same(`${id} was delivered before its commit`, message.storeTimestamp < transaction.decidedMs, false)
    same(`type of ${id}`, transactionType(message.sysFlag), 'COMMIT')
    same(`body of ${id}`, message.body.toString(), id)
    times.set(id, (times.get(id) ?? 0) + 1)
  }
  const halves = new Set((await all(fixture, TRANS_HALF_TOPIC)).map(half => half.properties.get('UNIQ_KEY')!))
  const aside = new Set<string>()
  for (const message of await all(fixture, TRANS_CHECK_MAX_TIME_TOPIC)) {
    const id = message.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)!
    aside.add(id)
  }
  for (const { id, fate, acked, asked, mayBeLost } of transactions.values()) {
    if (!acked) continue
    if (!halves.has(id)) {
      same(`half message of ${id}, which is not there, may be lost`, mayBeLost, true)
      continue
    }
    const delivered = times.get(id) ?? 0
    if (fate !== 'commit') same(`deliveries of ${id} (${fate})`, delivered, 0)
    // Four checks may all meet a lost answer, or a broker that dies; then it was set aside, and nobody lied.
    else if (!aside.has(id)) same(`deliveries of ${id}`, delivered, 1)
    if (fate === 'undecided') {
      same(`${id} is undecided: it was asked about`, asked > 0, true)
      same(`${id} is undecided: it was set aside`, aside.has(id), true)
    }
  }
  const { states } = fixture.broker.services.transactions
  same('everything is ended', states.base, fixture.broker.services.store.maxOffset(TRANS_HALF_TOPIC, 0))
}

const seeds = (run: (sim: Simulation) => Promise<void>) =>
  everySeed(SEEDS, (_world, sim) => run(sim), { firstSeed: FIRST_SEED, file: import.meta.filename })

describe('all or nothing, once', () => {
  test('when the process dies', () => seeds(sim => life(sim, 'kill', 'ASYNC_FLUSH')))
  test('when the power goes, SYNC_FLUSH', () => seeds(sim => life(sim, 'power', 'SYNC_FLUSH')))
  test('when the power goes, ASYNC_FLUSH', () => seeds(sim => life(sim, 'power', 'ASYNC_FLUSH')))
  test('when the disk refuses, ASYNC_FLUSH', () => seeds(sim => life(sim, 'disk', 'ASYNC_FLUSH')))
  test('when the disk refuses, SYNC_FLUSH', () => seeds(sim => life(sim, 'disk', 'SYNC_FLUSH')))
})
