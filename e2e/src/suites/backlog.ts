/**
 * `rocketcluster backlog` and `backlog relieve` as an operator runs them, on brokers of both makes: what it says, and that a
 * backlog moves whole, in order where asked, although the mover is killed.
 */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Producer, PullConsumer } from '@rocketcluster/client'
import { nodeWorld } from '@rocketcluster/world/node'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { type Running, run } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { connected, readTopic, silent } from '../reader.ts'
import { startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild, tail } from '../runner/children.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

const MAIN = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))
const COUNT = 1200
const KEYS = 20

interface System {
  readonly nameServer: string
  readonly brokers: number
}

export default suite('backlog', ({ test, once }) => {
  const ours = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startOwnNameServer(scope)
    for (const brokerName of ['broker-a', 'broker-b'])
      await startOwnBroker(scope, { nameServers: [nameServer.address], conf: { brokerName } })
    return { nameServer: nameServer.address, brokers: 2 }
  })
  const apache = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startApacheNameServer(scope)
    await startApacheBroker(scope, { nameServers: [nameServer.address] })
    return { nameServer: nameServer.address, brokers: 1 }
  })
  for (const [make, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const) {
    test(
      `a backlog moves in the order of its keys although the mover is killed, on ${make}`,
      async context => inOrder(await system(), context),
      { timeoutMs: 150_000 },
    )
    test(
      `connected consumers go on behind the backlog that was moved, on ${make}`,
      async context => besideConsumers(await system(), context),
      { timeoutMs: 200_000 },
    )
  }
})

const cli = (system: System, ...args: string[]): Child =>
  startChild({
    name: 'rocketcluster',
    command: process.execPath,
    args: [MAIN, ...args, '--name-server', system.nameServer],
  })

/** Runs a command to its end: exit code and standard output. */
async function command(
  system: System,
  ...args: string[]
): Promise<{ code: number | null; text: string; error: string }> {
  const child = cli(system, ...args)
  const { code } = await child.ended
  return { code, text: child.lines.join('\n'), error: tail(child.logFile) }
}

async function succeed(system: System, ...args: string[]): Promise<string> {
  const { code, text, error } = await command(system, ...args)
  assert.equal(code, 0, `rocketcluster ${args.join(' ')}: ${text} ${error}`)
  return text
}

/** Messages `from`… of the topic, each key in one queue of its own choice. */
async function produce({ nameServer }: System, topic: string, from: number, count: number): Promise<void> {
  await connected(nameServer, async ({ client }) => {
    const producer = new Producer(nodeWorld({ log: silent }), { client })
    await producer.start()
    const sends = Array.from({ length: KEYS }, async (_, key) => {
      for (let n = from + key; n < from + count; n += KEYS) {
        const message = {
          topic,
          body: `${n} backlog`,
          tags: n % 2 === 0 ? 'even' : 'odd',
          keys: `key-${n}`,
          properties: { __SHARDINGKEY: String(key), n: String(n) },
        }
        // A broker of either make may be too busy for a moment; one that refused has not stored.
        for (let attempt = 0; ; attempt++)
          try {
            await producer.sendOrdered(message, queues => queues[key % queues.length]!)
            break
          } catch (error) {
            if (attempt === 20) throw error
            await sleep(250)
          }
      }
    })
    await Promise.all(sends)
    await producer.stop()
  })
}

let serial = 0

/** A topic with a backlog, of which the group has consumed nothing. */
async function makeTopic({ nameServer }: System, group: string, consumeEnable: boolean): Promise<string> {
  const topic = `backlog-${++serial}`
  await connected(nameServer, async ({ admin, client }) => {
    await admin.createTopic(topic, { readQueueNums: 2, writeQueueNums: 2 })
    await admin.awaitTopic(topic)
    await admin.createSubscriptionGroup({ groupName: group, consumeEnable })
    const consumer = new PullConsumer(nodeWorld({ log: silent }), { client, consumerGroup: group })
    for (const queue of await consumer.fetchQueues(topic)) await consumer.commitOffset(queue, 0)
  })
  return topic
}

const numbers = (messages: readonly { n: number }[]) => [...new Set(messages.map(({ n }) => n))].sort((a, b) => a - b)
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

/** Starts the command, and kills it when so many messages are moved. */
async function killedAfter(child: Child, moved: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ${moved} moved in 40 s: ${child.lines.join('\n')}`)), 40_000)
    const done = (line: string) => Number(/^moved ([\d,]+),/.exec(line)?.[1]?.replaceAll(',', '') ?? 0) >= moved
    child.onLine(line => {
      if (!done(line)) return
      clearTimeout(timer)
      resolve()
    })
    void child.ended.then(() => reject(new Error(`it ended: ${child.lines.join('\n')} ${tail(child.logFile)}`)))
  })
  await child.kill()
}

async function inOrder(system: System, { note }: TestContext): Promise<void> {
  const group = `payments-${serial + 1}`
  const topic = await makeTopic(system, group, true)
  await produce(system, topic, 0, COUNT)
  const where = ['--topic', topic, '--group', group]
  const before = JSON.parse(await succeed(system, 'backlog', ...where, '--seconds', '1', '--output', 'json'))
  assert.equal(before[0].lag, COUNT)
  assert.deepEqual(
    before[0].causes.map(({ name }: { name: string }) => name),
    ['no-consumers'],
  )
  assert.ok(before[0].waitingMs > 0, 'the oldest message has waited')

  const queues = String(8 * system.brokers)
  const begin = ['backlog', 'relieve', ...where, '--queues', queues, '--keep-order-by-key']
  await killedAfter(cli(system, ...begin, '--rate', '400'), 300)
  const half = JSON.parse(await succeed(system, 'backlog', 'relieve', ...where, '--status', '--output', 'json'))
  assert.equal(half.phase, 'moving')
  assert.equal(half.groupEnabled, false)
  const { temporaryTopic } = half
  note(`killed with ${half.moved} of ${COUNT} moved`)
  assert.equal((await command(system, 'backlog', 'relieve', ...where, '--finish')).code, 1, 'too early to finish')
  const done = await succeed(system, ...begin)
  assert.match(done, /All is moved/)

  // Everything is there, each key in one queue and in order; a message may be there twice.
  const stored = await readTopic(system.nameServer, temporaryTopic)
  assert.deepEqual(numbers(stored), range(0, COUNT))
  note(`${stored.length - COUNT} messages were moved twice`)
  assert.ok(stored.length - COUNT < COUNT / 2, 'the second mover goes on, it does not begin again')
  const next = new Map<string, { n: number; at: string }>()
  for (const { n, queueId, message } of stored) {
    const key = message.properties.get('__SHARDINGKEY')!
    const at = `${message.messageQueue.brokerName}:${queueId}`
    const last = next.get(key)
    if (last) {
      assert.equal(at, last.at, `key ${key} is in one queue`)
      assert.ok(n <= last.n + KEYS, `message ${n} of key ${key} comes before ${last.n + KEYS}`)
    }
    next.set(key, { n: Math.max(n, last?.n ?? 0), at })
    assert.equal(message.tags, n % 2 === 0 ? 'even' : 'odd')
    assert.deepEqual(message.keys, [`key-${n}`])
  }
  assert.ok(new Set([...next.values()].map(({ at }) => at)).size > 4, 'keys spread over the queues')

  const drain = await consume(system, temporaryTopic, COUNT)
  assert.deepEqual(numbers(drain.received), range(0, COUNT))
  await produce(system, topic, COUNT, 40)
  await finish(system, where)
  await drain.child.kill()
  // The group goes on with what came meanwhile, and with nothing else.
  const rest = JSON.parse(await succeed(system, 'backlog', ...where, '--seconds', '1', '--output', 'json'))
  assert.equal(rest[0].lag, 40)
  assert.deepEqual(rest[0].pausedOn, [])
}

/** A consumer of the temporary topic that has had everything, and stays. */
async function consume({ nameServer }: System, topic: string, count: number): Promise<Running> {
  const options = { 'name-server': nameServer, topic, group: topic, seconds: 300 }
  const consumer = await run(java, 'push', options)
  await consumer.until('received', count, 90_000)
  // Some may have been there twice.
  for (let i = 0; i < 100 && numbers(consumer.received).length < count; i++) await sleep(100)
  return consumer
}

/** Consumers commit every 5 s. */
async function finish(system: System, where: readonly string[]): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const { code, text, error } = await command(system, 'backlog', 'relieve', ...where, '--finish')
    if (code === 0) return
    assert.ok(performance.now() < deadline, `finish: ${text} ${error}`)
    await sleep(1000)
  }
}

async function besideConsumers(system: System, { defer, note }: TestContext): Promise<void> {
  const { nameServer } = system
  const group = `orders-${serial + 1}`
  const topic = await makeTopic(system, group, true)
  // A consumer that is connected and knows where it stands before the group is switched off.
  await produce(system, topic, 0, KEYS)
  const consumer = await run(java, 'push', { 'name-server': nameServer, topic, group, seconds: 300 })
  defer(() => consumer.child.kill())
  await consumer.until('received', KEYS, 90_000)
  await connected(nameServer, ({ admin }) => admin.createSubscriptionGroup({ groupName: group, consumeEnable: false }))
  // Its pulls that are held already may still be answered.
  await sleep(1000)
  await produce(system, topic, KEYS, COUNT)
  const where = ['--topic', topic, '--group', group]
  const queues = ['--queues', String(8 * system.brokers)]
  const refused = await command(system, 'backlog', 'relieve', ...where, ...queues)
  assert.equal(refused.code, 1)
  assert.match(refused.error, /1 consumers of .* are connected/)
  const text = await succeed(system, 'backlog', 'relieve', ...where, ...queues, '--pause')
  assert.match(text, /All is moved/)
  const { temporaryTopic } = JSON.parse(
    await succeed(system, 'backlog', 'relieve', ...where, '--status', '--output', 'json'),
  )
  const moved = numbers(await readTopic(nameServer, temporaryTopic))
  // It was off before, so it is off now; whoever switched it off switches it on.
  await connected(nameServer, ({ admin }) => admin.createSubscriptionGroup({ groupName: group, consumeEnable: true }))
  await produce(system, topic, KEYS + COUNT, 40)
  const isNew = (n: number) => n >= KEYS + COUNT
  for (let i = 0; i < 600 && numbers(consumer.received).filter(isNew).length < 40; i++) await sleep(100)
  const received = numbers(consumer.received)
  const all = [...new Set([...received, ...moved])].sort((a, b) => a - b)
  assert.deepEqual(all, range(0, KEYS + COUNT + 40), 'everything is moved or received')
  const again = received.filter(n => moved.includes(n))
  note(`${again.length} messages were moved and also received by the consumer that was switched off`)
  assert.ok(again.length <= 64 * 2 * system.brokers, `${again.length} messages went both ways`)
  const drain = await consume(system, temporaryTopic, moved.length)
  assert.deepEqual(numbers(drain.received), moved)
  await finish(system, where)
  await drain.child.kill()
  const topics = await connected(nameServer, ({ admin }) => admin.topicList())
  assert.ok(!topics.includes(temporaryTopic))
}
