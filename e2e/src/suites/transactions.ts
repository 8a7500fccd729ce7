/** Transactions with the official Java clients: the same programs, the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freeBrokerPort, installApache, installClient } from '../apache/index.ts'
import { apacheBroker, startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { runToEnd } from '../clients/client.ts'
import { java, javaCommand } from '../clients/java.ts'
import { connected, readTopic, type StoredMessage } from '../reader.ts'
import { newDirectory, ownBroker, type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild } from '../runner/children.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/**
 * Short enough that a message is asked about three times and set aside within a test. What Apache has decided it knows only
 * from its op messages: they have to be written sooner than it asks.
 */
const CONF = {
  transactionTimeOut: 2000,
  transactionCheckInterval: 2000,
  transactionCheckMax: 3,
  transactionOpBatchInterval: 500,
}
const ASIDE = 'TRANS_CHECK_MAX_TIME_TOPIC'
const PATIENCE_MS = 60_000

const PROGRAMS = [
  ['5.5.0', async () => javaCommand('Transactions', await installApache())],
  ['4.9.8', async () => javaCommand('Transactions', await installClient())],
] as const
type Version = (typeof PROGRAMS)[number][0]

/** One TransactionMQProducer. */
class Producer {
  readonly child: Child

  constructor(child: Child) {
    this.child = child
  }

  /** Starts a local transaction that says `execute`, and `check` (states with commas between) when it is asked. */
  send(n: number, execute: 'COMMIT' | 'ROLLBACK' | 'UNKNOW' | 'THROW' | 'GATE', check = 'UNKNOW'): void {
    this.child.write(`send ${n} ${execute} ${check}\n`)
  }

  open(n: number): void {
    this.child.write(`open ${n}\n`)
  }

  has(start: string): boolean {
    return this.child.lines.some(line => line === start || line.startsWith(`${start} `))
  }

  async until(start: string): Promise<void> {
    await eventually(
      `${start} from a producer`,
      () => this.has(start),
      () => this.child.lines.slice(-5).join('\n'),
    )
  }

  async stop(): Promise<void> {
    await this.child.stop()
  }
}

async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  shown: () => string | Promise<string> = () => '',
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await isSo())) {
    if (performance.now() > deadline)
      throw new Error(`${what} did not come in ${PATIENCE_MS / 1000} s: ${await shown()}`)
    await sleep(100)
  }
}

let serial = 0

async function startProducer(
  scope: Scope,
  {
    nameServer,
    topic,
    group,
    version = '5.5.0',
  }: { nameServer: string; topic: string; group: string; version?: Version },
): Promise<Producer> {
  const { command, args } = await PROGRAMS.find(([name]) => name === version)![1]()
  const instance = `producer-${++serial}`
  const child = startChild({
    name: instance,
    command,
    args: [...args, '--name-server', nameServer, '--topic', topic, '--group', group, '--instance', instance],
  })
  scope.defer(() => child.kill())
  const producer = new Producer(child)
  await producer.until('started')
  return producer
}

/** As `readTopic`, and nothing while the topic is not there. */
const read = (nameServer: string, topic: string): Promise<StoredMessage[]> =>
  readTopic(nameServer, topic).catch(() => [])

const numbers = (messages: readonly StoredMessage[]) => messages.map(({ n }) => n).sort((a, b) => a - b)

async function untilStored(nameServer: string, topic: string, wanted: readonly number[]): Promise<void> {
  const has = async () => new Set(numbers(await read(nameServer, topic)))
  await eventually(
    `messages ${wanted.join(' ')} in ${topic}`,
    async () => {
      const found = await has()
      return wanted.every(n => found.has(n))
    },
    async () => `there are ${[...(await has())].join(' ')}`,
  )
}

const newTopic = async (nameServer: string) => {
  const topic = `transactions-${++serial}`
  await connected(nameServer, async ({ admin }) => {
    await admin.createTopic(topic, { readQueueNums: 2, writeQueueNums: 2 })
    await admin.awaitTopic(topic)
  })
  return topic
}

export default suite('transactions', ({ test, once }) => {
  const ours = once(async (scope): Promise<System> => {
    const nameServer = (await startOwnNameServer(scope)).address
    return {
      name: 'RocketCluster',
      nameServer,
      broker: await startOwnBroker(scope, { nameServers: [nameServer], conf: CONF }),
    }
  })
  const apache = once(async (scope): Promise<System> => {
    const nameServer = (await startApacheNameServer(scope)).address
    return {
      name: 'Apache',
      nameServer,
      broker: await startApacheBroker(scope, { nameServers: [nameServer], conf: CONF }),
    }
  })
  for (const [name, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const) {
    for (const [version] of PROGRAMS)
      test(
        `java ${version}: commit, rollback, and every answer to a check on ${name}`,
        async context => outcomes(context, await system(), version),
        { timeoutMs: 150_000 },
      )
    test(
      `a member of the group answers for one that was killed, and a slow commit still counts, on ${name}`,
      async context => {
        await Promise.all([killedProducer(context, await system()), slowCommit(context, await system())])
      },
      { timeoutMs: 120_000 },
    )
    test(
      `kill -9 of the broker between prepare and commit on ${name}`,
      async context => restartBetween(context, await system()),
      { timeoutMs: 150_000 },
    )
  }
  test('undecided and decided transactions go with the store, from ours to Apache and back', wanderingStore, {
    timeoutMs: 200_000,
  })
})

/** Ten transactions at once; in the end the topic holds the committed ones, each once, and nothing else. */
async function outcomes(context: TestContext, { nameServer }: System, version: Version): Promise<void> {
  const topic = await newTopic(nameServer)
  const producer = await startProducer(context, { nameServer, topic, group: `group-${topic}`, version })
  for (const n of [0, 1, 2]) producer.send(n, 'COMMIT')
  for (const n of [3, 4]) producer.send(n, 'ROLLBACK')
  producer.send(5, 'UNKNOW', 'COMMIT')
  producer.send(6, 'UNKNOW', 'ROLLBACK')
  producer.send(7, 'UNKNOW', 'UNKNOW,COMMIT')
  producer.send(8, 'UNKNOW', 'UNKNOW')
  producer.send(9, 'THROW', 'COMMIT')
  for (let n = 0; n < 10; n++) await producer.until(`sent ${n}`)
  await untilStored(nameServer, topic, [0, 1, 2])
  assert.equal(producer.has('sent 3 ROLLBACK_MESSAGE'), true)
  await untilStored(nameServer, topic, [0, 1, 2, 5, 7, 9])
  const asideOf = async () =>
    (await read(nameServer, ASIDE)).filter(({ message }) => message.properties.get('REAL_TOPIC') === topic)
  await eventually('message 8 set aside', async () => (await asideOf()).length > 0)
  assert.deepEqual(numbers(await asideOf()), [8])
  assert.deepEqual(numbers(await read(nameServer, topic)), [0, 1, 2, 5, 7, 9])
  assert.equal(producer.child.lines.filter(line => line.startsWith('checked 8 ')).length, CONF.transactionCheckMax)
  assert.ok(producer.has('checked 6 1 ROLLBACK'))
  // What consumers get is the message as it was sent.
  for (const { n, message } of await readTopic(nameServer, topic)) {
    assert.equal(message.body.toString(), `${n} body`)
    assert.equal(message.properties.get('TAGS'), 'tag')
    assert.equal(message.properties.get('KEYS'), `key-${n}`)
    assert.ok(message.properties.get('UNIQ_KEY'))
  }
  const { received } = await runToEnd(java, 'pull', { 'name-server': nameServer, topic, tags: 'tag' })
  assert.deepEqual(received.map(({ n }) => n).sort(), [0, 1, 2, 5, 7, 9])
  await producer.stop()
}

async function killedProducer(context: TestContext, { nameServer }: System): Promise<void> {
  const topic = await newTopic(nameServer)
  const group = `group-${topic}`
  const [first, second] = await Promise.all([
    startProducer(context, { nameServer, topic, group }),
    startProducer(context, { nameServer, topic, group }),
  ])
  // A producer is known to the broker from its first heartbeat after it knows the route.
  second.send(30, 'COMMIT')
  await second.until('sent 30')
  first.send(31, 'UNKNOW', 'COMMIT')
  first.send(32, 'GATE', 'ROLLBACK')
  first.send(33, 'GATE', 'COMMIT')
  await first.until('sent 31')
  await first.until('executing 32')
  await first.until('executing 33')
  await first.child.kill()
  await second.until('checked 32')
  await untilStored(nameServer, topic, [30, 31, 33])
  await sleep(1000)
  assert.deepEqual(numbers(await read(nameServer, topic)), [30, 31, 33])
  await second.stop()
}

/** The local transaction takes longer than transactionTimeOut: its commit names a half message that was put back since. */
async function slowCommit({ note, ...context }: TestContext, { name, nameServer }: System): Promise<void> {
  const topic = await newTopic(nameServer)
  const producer = await startProducer(context, { nameServer, topic, group: `group-${topic}` })
  producer.send(40, 'GATE', 'UNKNOW,COMMIT')
  await producer.until('checked 40 1 UNKNOW')
  producer.open(40)
  await untilStored(nameServer, topic, [40])
  await sleep(9000)
  const times = (await read(nameServer, topic)).length
  // Ours knows that both answers speak of one transaction. Apache asks about the copy once more and delivers again.
  if (name === 'RocketCluster') assert.equal(times, 1)
  else note(`Apache delivered a message ${times} times whose commit came after the first check`)
  await producer.stop()
}

async function restartBetween(context: TestContext, { nameServer, broker }: System): Promise<void> {
  const topic = await newTopic(nameServer)
  const producer = await startProducer(context, { nameServer, topic, group: `group-${topic}` })
  producer.send(50, 'COMMIT')
  await producer.until('sent 50')
  producer.send(51, 'GATE')
  producer.send(52, 'UNKNOW', 'COMMIT')
  producer.send(53, 'UNKNOW', 'ROLLBACK')
  await producer.until('executing 51')
  await producer.until('sent 52')
  await producer.until('sent 53')
  await untilStored(nameServer, topic, [50])
  await broker.kill()
  await broker.start()
  assert.ok(!numbers(await read(nameServer, topic)).includes(51))
  producer.open(51)
  await untilStored(nameServer, topic, [50, 51, 52])
  await producer.until('checked 53')
  // 50 may come once more where its op message was lost: Apache asks again then, ours finds the message in the index.
  const stored = numbers(await read(nameServer, topic))
  assert.deepEqual([...new Set(stored)], [50, 51, 52])
  await producer.stop()
}

/** Half messages are prepared on one broker and asked about by the other; what one has decided the other leaves alone. */
async function wanderingStore(context: TestContext): Promise<void> {
  const { address: nameServer } = await startOwnNameServer(context)
  const directory = await newDirectory('transactions')
  const store = join(directory, 'store')
  // Apache goes on checking while it shuts down, and counts checks that nobody hears.
  const conf = {
    ...CONF,
    transactionCheckMax: 15,
    mappedFileSizeCommitLog: 1 << 20,
    mappedFileSizeConsumeQueue: 6000,
    maxMessageSize: 65_536,
  }
  const paths = { storePathRootDir: store, storePathCommitLog: join(store, 'commitlog') }
  const common = {
    nameServers: [nameServer],
    port: await freeBrokerPort(),
    conf: { ...conf, ...paths, maxHashSlotNum: 1000, maxIndexNum: 4000 },
  }
  const apache = await apacheBroker(context, { ...common, dataDir: join(directory, 'apache') })
  const ours = await ownBroker({ ...common, dataDir: join(directory, 'ours') })
  context.defer(() => ours.kill().catch(() => {}))
  await ours.start()
  const topic = await newTopic(nameServer)
  const expected: number[] = []
  for (const [turn, [from, to]] of (
    [
      [ours, apache],
      [apache, ours],
    ] as const
  ).entries()) {
    const producer = await startProducer(context, { nameServer, topic, group: `group-${topic}` })
    const base = 100 * (turn + 1)
    for (let n = base; n < base + 5; n++) producer.send(n, 'COMMIT')
    producer.send(base + 5, 'ROLLBACK')
    producer.send(base + 6, 'UNKNOW', 'UNKNOW,COMMIT')
    producer.send(base + 7, 'UNKNOW', 'UNKNOW,ROLLBACK')
    for (let n = base; n < base + 8; n++) await producer.until(`sent ${n}`)
    await producer.until(`checked ${base + 6} 1 UNKNOW`)
    await producer.until(`checked ${base + 7} 1 UNKNOW`)
    await from.stop()
    await to.start()
    expected.push(...[0, 1, 2, 3, 4, 6].map(n => base + n))
    const answered = new RegExp(`^checked ${base + 7} \\d+ ROLLBACK$`)
    await eventually(`rollback of ${base + 7}`, () => producer.child.lines.some(line => answered.test(line)))
    await untilStored(nameServer, topic, expected)
    // Long enough for anything that was decided to be asked about if the op messages were not understood.
    await sleep(5000)
    const checked = producer.child.lines.filter(line => line.startsWith('checked '))
    assert.deepEqual([...new Set(checked.map(line => line.split(' ')[1]))].sort(), [`${base + 6}`, `${base + 7}`])
    assert.deepEqual(numbers(await readTopic(nameServer, topic)), expected)
    await producer.stop()
  }
}
