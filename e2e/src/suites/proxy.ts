/**
 * The 5.x clients, which speak gRPC, reach a broker through Apache's proxy in cluster mode: the same scenarios, judged by the same
 * assertions, on our broker and on Apache's.
 */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { type ApacheProxy, startProxy } from '../proxy/apache-proxy.ts'
import { type Event, type GrpcClient, grpcJava, grpcNode, Scenarios } from '../proxy/grpc-clients.ts'
import { connected } from '../reader.ts'
import { startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite } from '../runner/suite.ts'

interface System {
  readonly nameServer: string
  readonly proxy: ApacheProxy
}

/** Of both brokers: off by default are recall and filters over properties; the rest makes checks of transactions come soon. */
const BROKER = {
  recallMessageEnable: true,
  enablePropertyFilter: true,
  transactionTimeOut: 2000,
  transactionCheckInterval: 2000,
}

/** Topics are `RUN-SCENARIO`; groups `RUN-SCENARIO-GROUP`. */
const SCENARIOS = {
  normal: { type: 'NORMAL', groups: ['all', 'tag', 'sql'] },
  push: { type: 'NORMAL', groups: ['group'] },
  fifo: { type: 'FIFO', groups: ['push', 'simple'] },
  delay: { type: 'DELAY', groups: ['group'] },
  transaction: { type: 'TRANSACTION', groups: ['group'] },
  invisible: { type: 'NORMAL', groups: ['group'] },
  dlq: { type: 'NORMAL', groups: ['group'] },
  types: { type: 'FIFO', groups: [] },
} as const
type Scenario = keyof typeof SCENARIOS
const NAMES = Object.keys(SCENARIOS) as Scenario[]

const SCENARIO_MS = 75_000

const range = (count: number) => Array.from({ length: count }, (_, n) => String(n))
const bodies = (events: readonly Event[]) => events.map(event => event.get('body'))
const named = (events: readonly Event[], ...words: string[]) => events.filter(({ word }) => words.includes(word))
const sorted = (list: readonly string[]) => list.toSorted((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1))

async function prepareTopics({ nameServer }: System, run: string): Promise<void> {
  await connected(nameServer, async ({ admin }) => {
    for (const name of NAMES) {
      const { type, groups } = SCENARIOS[name]
      const topic = `${run}-${name}`
      await admin.createTopic(topic, {
        readQueueNums: 2,
        writeQueueNums: 2,
        attributes: { '+message.type': type },
      })
      for (const group of groups)
        await admin.createSubscriptionGroup({
          groupName: `${topic}-${group}`,
          consumeMessageOrderly: type === 'FIFO',
          ...(name === 'dlq' && { retryMaxTimes: 1 }),
          // The Node client knows this kind of policy only.
          groupRetryPolicy: {
            type: 'EXPONENTIAL',
            exponentialRetryPolicy: { initial: 1000, max: 2000, multiplier: 2 },
          },
        })
    }
    await Promise.all(NAMES.map(name => admin.awaitTopic(`${run}-${name}`)))
  })
}

export default suite('proxy', ({ test, once }) => {
  const ours = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startOwnNameServer(scope)
    await startOwnBroker(scope, { nameServers: [nameServer.address], conf: BROKER })
    return { nameServer: nameServer.address, proxy: await startProxy(scope, { nameServer: nameServer.address }) }
  })
  const apache = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startApacheNameServer(scope)
    await startApacheBroker(scope, { nameServers: [nameServer.address], conf: BROKER })
    return { nameServer: nameServer.address, proxy: await startProxy(scope, { nameServer: nameServer.address }) }
  })

  for (const [make, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const)
    for (const client of [grpcJava, grpcNode]) {
      const started = once(async scope => start(scope, await system(), client))
      for (const name of NAMES)
        test(
          `${name}: ${client.name} through Apache’s proxy on ${make}`,
          async () => {
            const { scenarios, run, nameServer } = await started()
            await CHECKS[name]({ scenarios, topic: `${run}-${name}`, nameServer })
          },
          { timeoutMs: 300_000 },
        )
    }
})

interface Started {
  readonly scenarios: Scenarios
  readonly run: string
  readonly nameServer: string
}

let serial = 0

async function start(scope: Scope, system: System, client: GrpcClient): Promise<Started> {
  await client.prepare()
  const run = `${client === grpcJava ? 'java' : 'node'}-${++serial}`
  await prepareTopics(system, run)
  const options = { endpoints: system.proxy.endpoints, run, scenarios: NAMES }
  return { scenarios: await Scenarios.start(scope, client, options), run, nameServer: system.nameServer }
}

interface Case {
  readonly scenarios: Scenarios
  readonly topic: string
  readonly nameServer: string
}

/** Every message came back once, with the id that its producer was told. */
function assertIds(events: readonly Event[], received: readonly Event[]): void {
  const ids = new Map(named(events, 'sent').map(event => [event.get('body'), event.get('id')]))
  for (const event of received) assert.equal(event.get('id'), ids.get(event.get('body')), `id of ${event.get('body')}`)
}

const CHECKS: Readonly<Record<Scenario, (at: Case) => Promise<void>>> = {
  /** Send, receive, acknowledge; filters by tag and by SQL; what is acknowledged or filtered does not come. */
  async normal({ scenarios }) {
    const events = await scenarios.finished('normal', SCENARIO_MS)
    assert.deepEqual(bodies(named(events, 'sent')), range(20))
    const all = named(events, 'all')
    assert.deepEqual(sorted(bodies(all)), range(20))
    assertIds(events, all)
    for (const event of all) {
      const n = event.get('body')
      assert.equal(event.get('n'), n)
      assert.equal(event.get('key'), `key-${n}`)
      assert.equal(event.get('tag'), Number(n) % 2 === 0 ? 'even' : 'odd')
      assert.equal(event.get('attempt'), '1')
    }
    assert.deepEqual(
      sorted(bodies(named(events, 'tag'))),
      range(20).filter(n => Number(n) % 2 === 1),
    )
    assert.deepEqual(sorted(bodies(named(events, 'sql'))), range(20).slice(15))
    assert.equal(named(events, 'all-acked').length, 20)
  },

  /** A push consumer gets everything; what it refused comes again and counts. */
  async push({ scenarios }) {
    const events = await scenarios.finished('push', SCENARIO_MS)
    const received = named(events, 'received')
    assert.deepEqual(sorted(bodies(received)), ['0', '1', '2', '3', '3', '4', '5', '6', '7', '8', '9'])
    assertIds(events, received)
    const again = received.filter(event => event.get('body') === '3')
    assert.deepEqual(
      again.map(event => event.get('attempt')),
      ['1', '2'],
    )
  },

  /** One message group after the other's own order, also around a failure, also when one message is out. */
  async fifo({ scenarios }) {
    const events = await scenarios.finished('fifo', SCENARIO_MS)
    for (const word of ['pushed', 'received']) {
      const all = named(events, word)
      for (const group of ['a', 'b', 'c']) {
        const order = bodies(all.filter(event => event.get('group') === group))
        // A refused message is tried again before the next one of its group.
        assert.deepEqual(
          [...new Set(order)],
          range(5).map(n => `${group}${n}`),
          `${word} of group ${group}: ${order}`,
        )
      }
    }
    const b2 = named(events, 'pushed').filter(event => event.get('body') === 'b2')
    assert.ok(b2.length >= 2, 'b2 is tried again')
    const words = events.map(({ word }) => word)
    const out = events.slice(words.indexOf('holds'), words.indexOf('releases'))
    const overtaking = named(out, 'received').filter(event => event.get('group') === 'a' && event.get('body') !== 'a0')
    // What came in the same answer as a0 is handed out already; a queue gives nothing further until that is acknowledged.
    assert.deepEqual(bodies(overtaking), [], 'group a waits for a0')
  },

  /** Never early; a recalled message never comes; what is too far off is refused. */
  async delay({ scenarios }) {
    const events = await scenarios.finished('delay', SCENARIO_MS)
    const due = new Map(named(events, 'sent').map(event => [event.get('body'), Number(event.get('due'))]))
    const received = named(events, 'received')
    assert.deepEqual(sorted(bodies(received)), ['d3', 'd5', 'last'])
    for (const event of received) {
      const lateMs = event.at - due.get(event.get('body'))!
      assert.ok(lateMs >= 0, `${event.get('body')} came ${-lateMs} ms early`)
      assert.ok(lateMs < 15_000, `${event.get('body')} came ${lateMs} ms late`)
    }
    const [recalled] = named(events, 'recalled')
    assert.equal(recalled!.get('id'), recalled!.get('sent'))
    assert.equal(named(events, 'refused').length, 1, 'thirty days ahead is refused')
  },

  /** Committed ones come, rolled back ones do not; who says nothing is asked. */
  async transaction({ scenarios }) {
    const events = await scenarios.finished('transaction', SCENARIO_MS)
    const received = named(events, 'received')
    assert.deepEqual(sorted(bodies(received)), ['commit', 'left-commit'])
    assertIds(events, received)
    for (const event of received) assert.equal(event.get('n'), event.get('body'))
    // Apache may also ask after one that has ended: it writes down the end of a transaction up to 3 s late.
    const checked = new Set(bodies(named(events, 'check')))
    for (const body of ['left-commit', 'left-rollback']) assert.ok(checked.has(body), `${body} is never checked`)
  },

  /** A receipt is good for its time: then the message comes again, and the late acknowledgement is refused. */
  async invisible({ scenarios }) {
    const events = await scenarios.finished('invisible', SCENARIO_MS)
    const received = named(events, 'received')
    assert.deepEqual(
      received.map(event => event.get('attempt')),
      ['1', '2', '3'],
    )
    const [changed] = named(events, 'changed')
    const againMs = received[1]!.at - changed!.at
    assert.ok(againMs >= 1500 && againMs < 20_000, `2 s of invisibility took ${againMs} ms`)
    assert.deepEqual(
      events.filter(({ word }) => word.startsWith('late-ack')).map(({ word }) => word),
      ['late-ack-refused'],
    )
  },

  /** What was refused retryMaxTimes + 1 times lies in %DLQ%GROUP. */
  async dlq({ scenarios, topic, nameServer }) {
    const deadLetters = async () =>
      connected(nameServer, async ({ admin }) => {
        const stats = await admin.topicStats(`%DLQ%${topic}-group`).catch(() => [])
        return stats.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0)
      })
    const deadline = performance.now() + SCENARIO_MS
    let found = 0
    while (found === 0 && performance.now() < deadline) {
      found = await deadLetters()
      if (found === 0) await sleep(500)
    }
    assert.equal(found, 1, 'dead letters')
    const attempts = named(scenarios.events('dlq'), 'received').map(event => event.get('attempt'))
    assert.deepEqual(attempts, ['1', '2'])
  },

  /** A topic that says what kind of messages it takes takes no other. */
  async types({ scenarios }) {
    const events = await scenarios.finished('types', SCENARIO_MS)
    assert.deepEqual(bodies(named(events, 'sent')), ['fits'])
    assert.match(named(events, 'refused')[0]!.get('error'), /type/i)
  },
}
