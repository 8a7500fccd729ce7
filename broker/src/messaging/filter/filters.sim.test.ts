import { expect, jest, test } from '@jest/globals'
import { brokerRequests, decodeRecords, ResponseError } from '@rocketcluster/protocol'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, startBroker } from '../../testing/broker-fixture.ts'

/** SEEDS=1000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 4)
jest.setTimeout(30_000 + SEEDS * 2000)

const QUEUES = 2
const TOPIC = 'T'
const GROUP = 'G'
const SUSPEND = 2
/** What the consumer wants by turns, and the same in words of this test. */
const WANTED: readonly (readonly [sql: string, wants: (n: number) => boolean])[] = [
  ['n BETWEEN 10 AND 19', n => n >= 10 && n <= 19],
  ['n > 50 OR n IS NULL', n => n > 50],
  ["n = 7 OR word = 'w3'", n => n === 7 || n % 10 === 3],
]

/** What a broker says that has just started, or whose disk has failed. */
const MAY_BE_REFUSED: ReadonlySet<string> = new Set([
  'SUBSCRIPTION_NOT_EXIST',
  'SUBSCRIPTION_NOT_LATEST',
  'SUBSCRIPTION_GROUP_NOT_EXIST',
  'SYSTEM_ERROR',
  'GO_AWAY',
])

/** One broker's life with a producer, a consumer that changes its mind, crashes and disk faults. */
class Life {
  readonly sim: Simulation
  /** Acknowledged, by queue and offset. */
  readonly acked = new Map<string, number>()
  readonly received = new Map<string, number>()
  /** What the consumer wanted so far, now the last. */
  readonly current: number[] = [0]
  fixture: Fixture
  producing = true
  consuming = true
  /** Where the next pull begins, by queue. */
  readonly passed = new Map<number, number>()
  readonly passes: { queueId: number; from: number; to: number; wanted: number }[] = []

  constructor(sim: Simulation, fixture: Fixture) {
    this.sim = sim
    this.fixture = fixture
  }

  get version(): number {
    return this.current.length
  }

  async produce(): Promise<void> {
    const { random } = this.sim
    while (this.producing) {
      const n = random.int(100)
      const { fixture } = this
      try {
        const queueId = random.int(QUEUES)
        const sent = await fixture.send(TOPIC, {
          body: String(n),
          queueId,
          properties: propertiesOf({ n: String(n), word: `w${n % 10}` }),
        })
        if (sent.status === 'SUCCESS') this.acked.set(`${queueId} ${sent.queueOffset}`, n)
      } catch {
        await this.sim.sleep(20)
      }
      if (random.chance(0.3)) await this.sim.sleep(random.int(1500))
    }
  }

  async beat(): Promise<void> {
    while (this.consuming) {
      await this.tell().catch(() => {})
      await this.sim.sleep(5000)
    }
  }

  async tell(): Promise<void> {
    const [subString] = WANTED[this.current.at(-1)!]!
    await this.fixture.ask(
      brokerRequests.heartBeat,
      {},
      {
        body: {
          clientID: 'client-1',
          consumerDataSet: [
            {
              groupName: GROUP,
              consumeType: 'CONSUME_PASSIVELY',
              messageModel: 'CLUSTERING',
              consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
              subscriptionDataSet: [
                {
                  topic: TOPIC,
                  subString,
                  expressionType: 'SQL92',
                  subVersion: this.version,
                  tagsSet: [],
                  codeSet: [],
                  classFilterMode: false,
                },
              ],
              unitMode: false,
            },
          ],
          producerDataSet: [],
          heartbeatFingerprint: 0,
          withoutSub: false,
        },
      },
    )
  }

  pull(queueId: number, queueOffset: number) {
    return this.fixture.ask(
      brokerRequests.pullMessage,
      {
        consumerGroup: GROUP,
        topic: TOPIC,
        queueId,
        queueOffset,
        maxMsgNums: 5,
        sysFlag: SUSPEND,
        commitOffset: 0,
        suspendTimeoutMillis: 3000,
        subscription: '',
        subVersion: this.version,
        expressionType: 'SQL92',
      },
      { timeoutMs: 10_000 },
    )
  }

  /** Pulls on from where the broker says; an answer that comes after the consumer has changed its mind is no answer. */
  async consume(queueId: number): Promise<void> {
    while (this.consuming) {
      const from = this.passed.get(queueId) ?? 0
      const { version } = this
      const reply = await this.pull(queueId, from).catch((error: Error) => {
        if (error instanceof ResponseError && !MAY_BE_REFUSED.has(error.status)) throw error
      })
      if (!reply) {
        await this.sim.sleep(50)
        continue
      }
      for (const { body, queueOffset } of decodeRecords(Buffer.from((reply.body as Uint8Array | undefined) ?? [])))
        this.got(queueId, queueOffset, Number(body))
      if (this.version !== version) continue
      const to = reply.nextBeginOffset
      if (to < from) throw new Error(`queue ${queueId} went back from ${from} to ${to}: ${reply.status}`)
      this.passes.push({ queueId, from, to, wanted: this.current.at(-1)! })
      this.passed.set(queueId, to)
    }
  }

  got(queueId: number, queueOffset: number, n: number): void {
    if (!this.current.some(wanted => WANTED[wanted]![1](n))) throw new Error(`${n} is wanted by no filter so far`)
    this.received.set(`${queueId} ${queueOffset}`, n)
  }

  /** Wherever the consumer was told to go on, it had been given all that it wanted then. */
  check(): void {
    for (const { queueId, from, to, wanted } of this.passes) {
      const [sql, wants] = WANTED[wanted]!
      for (let at = from; at < to; at++) {
        const n = this.acked.get(`${queueId} ${at}`)
        if (n !== undefined && wants(n) && !this.received.has(`${queueId} ${at}`))
          throw new Error(`message ${n} at ${at} of queue ${queueId} is wanted by ${sql} and was passed over`)
      }
    }
  }

  async trouble(): Promise<void> {
    const { sim } = this
    const { random } = sim
    for (let i = 0; i < 6; i++) {
      await sim.sleep(random.int(6000))
      const kind = random.int(6)
      if (kind < 3) this.fixture = await this.fixture.restart((['kill', 'power', 'stop'] as const)[kind]!)
      else if (kind === 3) {
        const heal = this.fixture.host.disk.fail({ on: 'write', path: '/store/config/', code: 'EIO' })
        await sim.sleep(random.int(12_000))
        heal()
      } else {
        this.current.push(random.int(WANTED.length))
        await this.tell().catch(() => {})
      }
    }
  }
}

async function live(sim: Simulation): Promise<Life> {
  const fixture = await startBroker(sim, { flushDiskType: 'SYNC_FLUSH', maxFilterMessageSize: 20 * 8 })
  const life = new Life(sim, fixture)
  // The topic is there before it is pulled from.
  await fixture.send(TOPIC, { body: '-1', properties: propertiesOf({ n: '-1' }) })
  await life.tell()
  const work = [life.produce(), life.beat(), ...Array.from({ length: QUEUES }, (_, queueId) => life.consume(queueId))]
  await life.trouble()
  life.producing = false
  await sim.sleep(10_000)
  const { store } = life.fixture.broker.services
  for (let queueId = 0; queueId < QUEUES; queueId++)
    expect(life.passed.get(queueId)).toBe(store.maxOffset(TOPIC, queueId))
  life.consuming = false
  await Promise.all(work)
  life.check()
  await life.fixture.broker.stop()
  return life
}

test('whatever happens, a consumer gets what its filter wants and nothing else, and comes to the end', async () => {
  let [acked, received] = [0, 0]
  await everySeed(
    SEEDS,
    async (_world, sim) => {
      const life = await live(sim)
      acked += life.acked.size
      received += life.received.size
    },
    { file: import.meta.filename },
  )
  expect(received).toBeGreaterThan(acked / 20)
})
