/** Ordered consumption with the official Java client: the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { installClient } from '../apache/index.ts'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { type Program, startConsumption } from '../clients/consumption.ts'
import { MqAdmin } from '../mqadmin.ts'
import { connected } from '../reader.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

const KEYS = 8
const QUEUES = 4
/** A push consumer of Apache's broker may wait for 30 s at its start: SUBSCRIPTION_NOT_LATEST. */
const START_MS = 90_000
/** What a dead consumer held is locked for 60 s; then whoever asks next, every 20 s, has it. */
const LOCKS_MS = 60_000 + 20_000

/** The shortest time between two registrations that Apache's broker allows. */
const CONF = { registerNameServerPeriod: 10_000 }

export default suite('order', ({ test, once }) => {
  const mqadmin = once(scope => MqAdmin.start(scope))
  const ours = once(async scope => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'RocketCluster', nameServer: nameServer.address, broker } satisfies System
  })
  const apache = once(async scope => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'Apache', nameServer: nameServer.address, broker } satisfies System
  })
  const onBoth = async (run: (system: System) => Promise<void>) => {
    await Promise.all([run(await ours()), run(await apache())])
  }

  test(
    'keys stay in order while a consumer joins and another dies; what the dead one held is taken over',
    context => onBoth(system => joinAndDie(context, system)),
    { timeoutMs: 240_000 },
  )
  test(
    'keys stay in order when the broker restarts and when it is killed',
    async context => {
      await Promise.all([
        restarts(context, await ours(), 'V5_5_0'),
        restarts(context, await ours(), 'V4_9_8'),
        restarts(context, await apache(), 'V5_5_0'),
      ])
    },
    { timeoutMs: 240_000 },
  )
  test(
    'a topic in the order config of the name server is ordered: its route says which queues',
    async () => {
      const tool = await mqadmin()
      await onBoth(system => orderConfig(tool, system))
    },
    { timeoutMs: 240_000 },
  )
})

const makeTopic = ({ nameServer }: System, topic: string) =>
  connected(nameServer, async ({ admin }) => {
    await admin.createTopic(topic, { readQueueNums: QUEUES, writeQueueNums: QUEUES })
    await admin.awaitTopic(topic)
  })

interface Event {
  readonly what: 'began' | 'ended'
  readonly atMs: number
  readonly key: string
  readonly sequence: number
  readonly queueId: number
  readonly consumer: number
}

function events(consumers: readonly Program[]): Event[] {
  return consumers
    .flatMap(({ child }, consumer) =>
      child.lines
        .map(line => line.split(' '))
        .filter(([word]) => word === 'began' || word === 'ended')
        .map(([what, atMs, key, sequence, queueId]) => ({
          what: what as Event['what'],
          atMs: Number(atMs),
          key: key!,
          sequence: Number(sequence),
          queueId: Number(queueId),
          consumer,
        })),
    )
    .sort((a, b) => a.atMs - b.atMs)
}

/** For each key: whoever was first to finish a message, they were finished in the order in which they were sent. */
function assertKeysInOrder(all: readonly Event[], name: string): void {
  const finished = new Set<number>()
  const newest = new Map<string, number>()
  for (const { what, key, sequence } of all) {
    if (what !== 'ended' || finished.has(sequence)) continue
    finished.add(sequence)
    const before = newest.get(key) ?? -1
    assert.ok(sequence > before, `${name}: key ${key} had message ${sequence} finished behind ${before}`)
    newest.set(key, sequence)
  }
}

/** No queue is worked on by two consumers at once. */
function assertOneAtATime(all: readonly Event[], name: string): void {
  const busy = new Map<number, Event>()
  for (const event of all) {
    const working = busy.get(event.queueId)
    if (event.what === 'ended') {
      if (working?.consumer === event.consumer) busy.delete(event.queueId)
      continue
    }
    assert.ok(
      !working || working.consumer === event.consumer,
      `${name}: consumer ${event.consumer} began ${event.sequence} of queue ${event.queueId} at ${event.atMs} while consumer ` +
        `${working?.consumer} worked on ${working?.sequence} since ${working?.atMs}`,
    )
    busy.set(event.queueId, event)
  }
}

const finishedBy = (consumers: readonly Program[]) =>
  new Set(
    events(consumers)
      .filter(({ what }) => what === 'ended')
      .map(({ sequence }) => sequence),
  ).size

const queuesOf = (consumer: Program, since: number) =>
  new Set(
    events([consumer])
      .filter(({ atMs }) => atMs >= since)
      .map(({ queueId }) => queueId),
  )

async function joinAndDie(context: TestContext, system: System): Promise<void> {
  const topic = `ordered-${system.name}`
  await makeTopic(system, topic)
  const where = { 'name-server': system.nameServer, topic }
  const group = `${topic}-group`
  const first = await startConsumption(context, 'consume-orderly', { ...where, group, 'work-ms': 20 })
  // Nothing waits for its end: it is broken off when all has been seen.
  const producer = await startConsumption(context, 'send', { ...where, keys: KEYS, count: 100_000, 'pause-ms': 15 })
  await first.until('the first consumer works', () => first.all('ended').length > 40, START_MS)

  const second = await startConsumption(context, 'consume-orderly', { ...where, group, 'work-ms': 20 })
  await second.until('the second shares the work', () => second.all('ended').length > 40, START_MS)
  const shared = Date.now()
  await sleep(2000)
  // Each has its share, and nobody the other's.
  const [a, b] = [queuesOf(first, shared + 500), queuesOf(second, shared + 500)]
  assert.equal(a.size + b.size, QUEUES, `${system.name}: queues ${[...a]} and ${[...b]}`)
  assertOneAtATime(events([first, second]), system.name)

  await first.child.kill()
  const diedMs = Date.now()
  await second.until(
    'the second works on all queues',
    () => queuesOf(second, diedMs).size === QUEUES,
    LOCKS_MS + 30_000,
  )
  const tookMs = Math.min(
    ...[...a].map(
      queueId => events([second]).find(event => event.queueId === queueId && event.atMs > diedMs)!.atMs - diedMs,
    ),
  )
  context.note(`${system.name}: what the dead consumer held came back after ${Math.round(tookMs / 1000)} s`)
  await producer.child.kill()
  // The last send may have been stored and not printed.
  const sent = producer.all('sent').length
  await second.until('all is consumed', () => finishedBy([first, second]) >= sent, 60_000)
  await second.leave()
  assertKeysInOrder(events([first, second]), system.name)
}

async function restarts(context: TestContext, system: System, version: 'V5_5_0' | 'V4_9_8'): Promise<void> {
  // One broker for two clients: who comes second finds it restarting already.
  const topic = `restarted-${version}-${system.name}`
  await makeTopic(system, topic)
  const where = { 'name-server': system.nameServer, topic }
  const group = `${topic}-group`
  const installation = version === 'V4_9_8' ? await installClient() : undefined
  const start = (task: 'send' | 'consume-orderly', options: Record<string, string | number>) =>
    startConsumption(context, task, { ...where, ...options }, installation)
  const consumers = [await start('consume-orderly', { group, 'work-ms': 5 })]
  const producer = await start('send', { keys: KEYS, count: 600, 'pause-ms': 20 })
  await consumers[0]!.until('the first consumer works', () => consumers[0]!.all('ended').length > 20, START_MS)
  consumers.push(await start('consume-orderly', { group, 'work-ms': 5 }))
  if (version === 'V5_5_0') {
    await consumers[1]!.until('the second is there', () => consumers[1]!.all('started').length > 0, 30_000)
    await system.broker.stop()
    await sleep(300)
    await system.broker.start()
    await sleep(3000)
    await system.broker.kill()
    await system.broker.start()
  }
  await producer.finished()
  await consumers[0]!.until('all is consumed', () => finishedBy(consumers) === 600, 120_000)
  assertKeysInOrder(events(consumers), `${system.name} with client ${version}`)
  for (const consumer of consumers) await consumer.leave()
}

/** A strictly ordered topic: clients use the queues that the config names, whatever brokers come and go. */
async function orderConfig(mqadmin: MqAdmin, system: System): Promise<void> {
  const topic = `configured-${system.name}`
  const value = `broker-a:${QUEUES}`
  const n = ['-n', system.nameServer] as const
  const succeeds = async (...args: string[]) => {
    const output = await mqadmin.run(...args)
    assert.match(output, /success/, output)
  }
  await makeTopic(system, topic)
  await succeeds('updateNamesrvConfig', ...n, '-k', 'orderMessageEnable', '-v', 'true')
  await succeeds('updateOrderConf', ...n, '-t', topic, '-v', value, '-m', 'put')
  const shown = await mqadmin.run('updateOrderConf', ...n, '-t', topic, '-m', 'get')
  assert.ok(shown.includes(value), shown)
  await connected(system.nameServer, async ({ admin }) => {
    assert.equal((await admin.topicRoute(topic)).orderTopicConf, value, system.name)
    // The broker hears of it in its next registration, and stops such a topic at once when it may not be written to.
    for (let i = 0; i < 120 && !(await admin.topicConfig(system.broker.address, topic)).order; i++) await sleep(500)
    assert.equal((await admin.topicConfig(system.broker.address, topic)).order, true, system.name)
  })
  await succeeds('updateOrderConf', ...n, '-t', topic, '-m', 'delete')
  await connected(system.nameServer, async ({ admin }) =>
    assert.equal((await admin.topicRoute(topic)).orderTopicConf ?? null, null, system.name),
  )
}
