/** Every client that users have: sends, pulls, push-consumes, and survives a broker that restarts under it. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import type { Client, Received, Running } from '../clients/client.ts'
import { run, runToEnd } from '../clients/client.ts'
import { java, oldJava } from '../clients/java.ts'
import { aliOns, go, python } from '../clients/other.ts'
import { connected, readTopic, type StoredMessage } from '../reader.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { suite } from '../runner/suite.ts'

interface System {
  readonly nameServer: string
  readonly broker: Server
}

const CLIENTS: readonly Client[] = [java, oldJava, aliOns, go, python]

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
const numbers = (messages: readonly { n: number }[]) => [...new Set(messages.map(({ n }) => n))].sort((a, b) => a - b)

/** As `deepEqual`, with a message that one can read. */
function assertNumbers(messages: readonly { n: number }[], expected: readonly number[], what: string): void {
  const actual = numbers(messages)
  const missing = expected.filter(n => !actual.includes(n))
  const extra = actual.filter(n => !expected.includes(n))
  const some = (list: readonly number[]) =>
    `${list.slice(0, 10).join(' ')}${list.length > 10 ? ` … (${list.length})` : ''}`
  assert.ok(missing.length === 0, `${what}: messages ${some(missing)} are missing`)
  assert.ok(extra.length === 0, `${what}: messages ${some(extra)} are too many`)
}

/** In each queue offsets only grow, and so do the numbers: a sync producer sends the next one after the answer to the last. */
function assertOrder(messages: readonly { n: number; queueId: number; queueOffset: number }[], what: string): void {
  const last = new Map<number, { n: number; queueOffset: number }>()
  for (const message of messages) {
    const before = last.get(message.queueId)
    if (before) {
      assert.ok(
        message.queueOffset > before.queueOffset,
        `${what}: queue ${message.queueId} went from offset ${before.queueOffset} to ${message.queueOffset}`,
      )
      assert.ok(message.n >= before.n, `${what}: queue ${message.queueId} has message ${message.n} behind ${before.n}`)
    }
    last.set(message.queueId, message)
  }
}

/** Everything acknowledged is in the store, where the broker said; no offset was given to two messages. */
function assertStored(producer: Running, stored: readonly StoredMessage[]): void {
  const at = new Map(stored.map(message => [`${message.queueId}/${message.queueOffset}`, message]))
  const known = new Set(stored.map(({ n }) => n))
  const given = new Map<string, number>()
  for (const { n, queueId, queueOffset } of producer.sent) {
    assert.ok(known.has(n), `message ${n} was acknowledged and is not in the store`)
    if (queueId === undefined || queueOffset === undefined) continue
    const position = `${queueId}/${queueOffset}`
    const other = given.get(position)
    assert.equal(other, undefined, `queue/offset ${position} was given to messages ${other} and ${n}`)
    given.set(position, n)
    assert.equal(at.get(position)?.n, n, `message ${n} was acknowledged at queue/offset ${position}`)
  }
}

function assertReceived(received: readonly Received[], count: number, what: string): void {
  assertNumbers(received, range(count), what)
  for (const { n, tags, property } of received) {
    assert.equal(tags, n % 2 === 0 ? 'even' : 'odd', `${what}: tag of message ${n}`)
    assert.equal(property, String(n), `${what}: property n of message ${n}`)
  }
}

let serial = 0
const topicName = (client: Client, what: string) => `${client.name.replace(/\W+/g, '-')}-${what}-${++serial}`

export default suite('clients', ({ test, once }) => {
  const ours = once(async scope => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address] })
    return { nameServer: nameServer.address, broker }
  })
  const apache = once(async scope => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address] })
    return { nameServer: nameServer.address, broker }
  })

  const systems: readonly (readonly [string, () => Promise<System>])[] = [
    ['RocketCluster', ours],
    ['Apache', apache],
  ]
  for (const [name, system] of systems) {
    for (const client of CLIENTS) {
      test(
        `${client.name} sends, pulls and push-consumes on ${name}`,
        async ({ note }) => {
          await client.prepare()
          await sendsAndReceives(await system(), client, note)
        },
        { timeoutMs: 500_000 },
      )
    }
  }
  for (const client of CLIENTS) {
    test(
      `${client.name} survives restarts of our broker`,
      async () => {
        await client.prepare()
        await survivesRestarts(await ours(), client)
      },
      { timeoutMs: 150_000 },
    )
  }
  test('java 5.5.0 survives restarts of Apache’s broker', async () => survivesRestarts(await apache(), java), {
    timeoutMs: 200_000,
  })
})

const createTopic = (nameServer: string, topic: string) =>
  connected(nameServer, async ({ admin }) => {
    await admin.createTopic(topic, { readQueueNums: 4, writeQueueNums: 4 })
    await admin.awaitTopic(topic)
  })

/** 20 messages by each way of sending; all of them come back by each way of receiving. */
async function sendsAndReceives(system: System, client: Client, note: (text: string) => void): Promise<void> {
  const topic = topicName(client, 'all')
  const where = { 'name-server': system.nameServer, topic }
  if (client.lacks.newTopics) await createTopic(system.nameServer, topic)
  let count = 0
  for (const mode of ['sync', 'async', 'oneway', 'batch'] as const) {
    const lack = mode === 'sync' ? undefined : client.lacks[mode]
    if (lack) {
      note(`no ${mode}: ${lack}`)
      continue
    }
    const producer = await runToEnd(client, 'send', { ...where, mode, start: count, count: 20 })
    assert.deepEqual(producer.failures, [], `${mode} sends`)
    assertNumbers(
      producer.sent,
      range(20).map(n => n + count),
      `${mode} acknowledgements`,
    )
    count += 20
  }
  const stored = await readTopic(system.nameServer, topic)
  assertNumbers(stored, range(count), 'messages stored')

  const receivers: Promise<void>[] = []
  if (client.lacks.pull) note(`no pull: ${client.lacks.pull}`)
  else
    receivers.push(
      runToEnd(client, 'pull', { ...where, expect: count, seconds: 60, group: `${topic}-pull` }).then(({ received }) =>
        assertReceived(received, count, 'pulled'),
      ),
    )
  receivers.push(
    runToEnd(client, 'push', { ...where, expect: count, seconds: 90, group: `${topic}-push` }).then(({ received }) =>
      assertReceived(received, count, 'consumed'),
    ),
  )
  await Promise.all(receivers)
  const tagged = await runToEnd(client, 'push', {
    ...where,
    expect: count / 2,
    seconds: 90,
    group: `${topic}-tag`,
    tags: 'even',
  })
  assertNumbers(
    tagged.received,
    range(count).filter(n => n % 2 === 0),
    'consumed with tag even',
  )
}

/** The broker is stopped, started, killed and started while one program sends and another consumes. */
async function survivesRestarts({ nameServer, broker }: System, client: Client): Promise<void> {
  const count = 600
  const topic = topicName(client, 'restart')
  const where = { 'name-server': nameServer, topic }
  if (client.lacks.newTopics) await createTopic(nameServer, topic)
  // The topic exists before the consumer looks for it.
  const first = await runToEnd(client, 'send', { ...where, count: 4 })
  assert.equal(first.sent.length, 4)
  const consumer = await run(client, 'push', { ...where, expect: count, seconds: 120, group: `${topic}-group` })
  await consumer.until('received', 4, 40_000)
  const producer = await run(client, 'send', {
    ...where,
    start: 4,
    count: count - 4,
    'pause-ms': 10,
    'timeout-ms': 2000,
  })
  await producer.until('sent', 60)
  await broker.stop()
  await sleep(300)
  await broker.start()
  await producer.until('sent', producer.sent.length + 100, 60_000)
  await broker.kill()
  await broker.start()
  await producer.finished()
  await consumer.finished()

  assertNumbers([...first.sent, ...producer.sent], range(count), 'acknowledged')
  const stored = await readTopic(nameServer, topic)
  assertStored(first, stored)
  assertStored(producer, stored)
  assertNumbers(stored, range(count), 'messages stored')
  assertOrder(stored, 'stored')
  assertReceived(consumer.received, count, 'consumed')
  const positions = new Map(stored.map(message => [`${message.queueId}/${message.queueOffset}`, message.n]))
  for (const { n, queueId, queueOffset } of consumer.received)
    assert.equal(positions.get(`${queueId}/${queueOffset}`), n, `consumed at queue/offset ${queueId}/${queueOffset}`)
}
