/** Compaction topics with the official Java client and mqadmin: the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerRequests, encodeBatch, printProperties } from '@rocketcluster/protocol'
import { freeBrokerPort, installApache } from '../apache/index.ts'
import { apacheBroker, startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { javaCommand } from '../clients/java.ts'
import { failure, MqAdmin } from '../mqadmin.ts'
import { connected } from '../reader.ts'
import { newDirectory, ownBroker, type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild, tail } from '../runner/children.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/** Log files of about 50 KB, so that a few hundred messages fill several; Apache compacts only those that are full. */
const CONF = {
  registerNameServerPeriod: 10_000,
  compactionScheduleInternal: 2000,
  compactionCqMappedFileSize: 4600,
  compactionMappedFileSize: 46_000,
}
const KEYS = 20
const ROUNDS = 20
/** Of each body: a file takes fewer than a hundred messages anyway. */
const SIZE = 300
/** Apache waits up to twice the interval, and a second more, between two runs of a queue. */
const COMPACTED_MS = 60_000
const BROKER = 'broker-a'

export default suite('compaction', ({ test, once }) => {
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
    'the policy is given to a new topic by mqadmin, and never changed; a message without a key is refused',
    async context => {
      const tool = await mqadmin()
      await onBoth(system => policy(context, tool, system))
    },
    { timeoutMs: 120_000 },
  )
  test(
    'the newest message of each key stays at its offset, a tombstone takes its key away, through restarts',
    async context => {
      const tool = await mqadmin()
      await onBoth(system => keepsNewest(context, tool, system))
    },
    { timeoutMs: 240_000 },
  )
  test('Apache and ours take turns on the compaction logs of one store directory', turns, { timeoutMs: 240_000 })
})

/** The Java program at work, with one answer to each command. */
class Table {
  readonly #child: Child
  readonly #topic: string
  readonly #broker: string

  private constructor(child: Child, topic: string, broker: string) {
    this.#child = child
    this.#topic = topic
    this.#broker = broker
  }

  static async start(scope: Scope, nameServer: string, topic: string, broker: string): Promise<Table> {
    const { command, args } = await javaCommand('Compaction', await installApache())
    const child = startChild({ name: 'java-compaction', command, args: [...args, nameServer] })
    scope.defer(() => child.kill())
    const table = new Table(child, topic, broker)
    await table.#line(0)
    return table
  }

  async #line(index: number): Promise<string> {
    const deadline = performance.now() + 60_000
    while (this.#child.lines.length <= index) {
      if (this.#child.end !== undefined || performance.now() > deadline)
        throw new Error(`the Java program does not answer: ${tail(this.#child.logFile, 8)}`)
      await sleep(10)
    }
    return this.#child.lines[index]!
  }

  async #ask(command: string, ...words: readonly (string | number)[]): Promise<string[]> {
    const index = this.#child.lines.length
    this.#child.write(`${[command, this.#broker, this.#topic, ...words].join(' ')}\n`)
    return (await this.#line(index)).split(' ')
  }

  /** What was refused, or the queue offsets. */
  put(...pairs: readonly string[]): Promise<string[]> {
    return this.#ask('put', 0, SIZE, ...pairs)
  }
  batch(...pairs: readonly string[]): Promise<string[]> {
    return this.#ask('batch', 0, ...pairs)
  }
  pull(offset: number): Promise<string[]> {
    return this.#ask('pull', 0, offset)
  }
  async read(offset = 0): Promise<string[]> {
    const [word, ...messages] = await this.#ask('read', 0, offset)
    assert.equal(word, 'read', messages.join(' '))
    return messages
  }
  async offsets(): Promise<number[]> {
    const [word, ...offsets] = await this.#ask('offsets', 0)
    assert.equal(word, 'offsets', offsets.join(' '))
    return offsets.map(Number)
  }

  /** Reads until the messages are as they should be. */
  async awaitMessages(what: string, from: number, wanted: (messages: readonly string[]) => boolean): Promise<string[]> {
    const deadline = performance.now() + COMPACTED_MS
    for (;;) {
      const messages = await this.read(from)
      if (wanted(messages)) return messages
      if (performance.now() > deadline) throw new Error(`not ${what} after ${COMPACTED_MS} ms: ${messages.join(' ')}`)
      await sleep(300)
    }
  }
}

const brokerNameOf = (nameServer: string) =>
  connected(nameServer, async ({ admin }) => {
    const { brokerAddrTable } = await admin.clusterInfo()
    return [...brokerAddrTable.keys()][0] ?? BROKER
  })

async function makeTable(scope: Scope, tool: MqAdmin, { nameServer, broker }: System, topic: string): Promise<Table> {
  const output = await tool.run(
    ...['updateTopic', '-n', nameServer, '-b', broker.address, '-t', topic, '-w', '1', '-r', '1'],
    ...['-a', '+cleanup.policy=COMPACTION'],
  )
  assert.equal(failure(output), undefined, output)
  assert.match(output, /cleanup\.policy=COMPACTION/)
  await connected(nameServer, ({ admin }) => admin.awaitTopic(topic))
  return Table.start(scope, nameServer, topic, await brokerNameOf(nameServer))
}

/**
 * A message without a body, which Apache's client refuses to send. Alone its broker refuses it too; in a batch it takes it.
 */
const sendTombstone = ({ nameServer, broker }: System, topic: string, key: string) =>
  connected(nameServer, async ({ client }) => {
    const body = encodeBatch([
      { flag: 0, body: Buffer.alloc(0), properties: Buffer.from(printProperties({ KEYS: key })) },
    ])
    const header = {
      producerGroup: 'compaction_producers',
      topic,
      defaultTopic: 'TBW102',
      defaultTopicQueueNums: 4,
      queueId: 0,
      sysFlag: 0,
      bornTimestamp: Date.now(),
      flag: 0,
      properties: '',
      reconsumeTimes: 0,
      unitMode: false,
      batch: true,
    }
    await client.remoting.invoke(broker.address, brokerRequests.sendBatchMessage, header, { body, timeoutMs: 5000 })
  })

async function policy(context: TestContext, tool: MqAdmin, system: System): Promise<void> {
  const table = await makeTable(context, tool, system, 'policy')
  const attribute = () =>
    connected(system.nameServer, async ({ admin }) => {
      const config = await admin.topicConfig(system.broker.address, 'policy')
      return config.attributes?.get('cleanup.policy')
    })
  assert.equal(await attribute(), 'COMPACTION')
  const changed = await tool.run(
    ...['updateTopic', '-n', system.nameServer, '-b', system.broker.address, '-t', 'policy', '-w', '1', '-r', '1'],
    ...['-a', '+cleanup.policy=DELETE'],
  )
  assert.notEqual(failure(changed), undefined, changed)
  assert.equal(await attribute(), 'COMPACTION')
  const [word, code, ...remark] = await table.put('-=1')
  assert.deepEqual([word, code], ['failed', '13'])
  assert.match(remark.join(' '), /Required message key is missing/)
  const [batched] = await table.batch('a=1', '-=2')
  // Ours refuses the whole batch. Apache takes it, and no consumer ever sees the message without a key.
  assert.equal(batched, system.name === 'Apache' ? 'sent' : 'failed')
  await table.batch('a=2', 'b=1')
  const messages = await table.awaitMessages('the batch', 0, all => all.length >= 2)
  assert.deepEqual(
    messages.map(message => message.split(':')[1]).slice(-2),
    ['a=2', 'b=1'],
    `${system.name}: ${messages.join(' ')}`,
  )
}

const pairs = (rounds: number, from = 0) =>
  Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: KEYS }, (_, key) => `k${key}=${from + round}`),
  ).flat()
/** Each with a key of its own: they fill files so that those before are compacted. */
const fillers = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}=0`)
const offsetOf = (message: string) => Number(message.split(':')[0])

async function keepsNewest(context: TestContext, tool: MqAdmin, system: System): Promise<void> {
  const topic = 'newest'
  const { name } = system
  const table = await makeTable(context, tool, system, topic)
  const startedMs = performance.now()
  await table.put(...pairs(ROUNDS))
  await sendTombstone(system, topic, 'k3')
  const end = KEYS * ROUNDS
  // Two files more: all of what was before is full then, on Apache too.
  await table.put(...fillers('f', 220))
  const newest = Array.from({ length: KEYS }, (_, key) => `${end - KEYS + key}:k${key}=${ROUNDS - 1}`)
  const isCompacted = (messages: readonly string[]) => {
    const old = messages.filter(message => offsetOf(message) < end)
    return old.length === KEYS - 1 && old.every(message => newest.includes(message) && !message.includes('k3='))
  }
  await table.awaitMessages('compacted', 0, isCompacted)
  context.note(`${name}: compacted ${Math.round(performance.now() - startedMs)} ms after the first message`)
  // Ours keeps the tombstone for one run more, so that who is reading meanwhile sees it; Apache drops it at once.
  await table.put(...fillers('g', 220))
  const messages = await table.awaitMessages(
    'without the tombstone',
    0,
    all => isCompacted(all) && !all.some(message => message.startsWith(`${end}:`)),
  )
  const max = end + 1 + 440
  assert.deepEqual(
    messages.filter(message => offsetOf(message) > end).length,
    440,
    `${name}: fillers have one message for each key`,
  )

  const [, status, next, min, maxOffset, first] = await table.pull(7)
  assert.deepEqual([status, min, maxOffset, first], ['FOUND', String(end - KEYS), String(max), newest[0]], name)
  assert.ok(Number(next) > end - KEYS)
  const behindGap = (await table.pull(end - KEYS + 3))[5]
  assert.equal(behindGap, newest[4], `${name}: the message at that offset is gone, the next is given`)
  const [minOffset, lastOffset] = await table.offsets()
  // Apache answers with the commit log's oldest message, which may be younger than the oldest there is.
  assert.equal(minOffset, name === 'Apache' ? 0 : end - KEYS)
  assert.equal(lastOffset, max)
  const stats = await tool.run('topicStatus', '-n', system.nameServer, '-t', topic)
  assert.match(stats, new RegExp(`\\b${max}\\b`), stats)

  await system.broker.stop()
  await system.broker.start()
  assert.deepEqual(await whenServed(table), messages, `${name}: after a restart`)
  if (name === 'RocketCluster') {
    // Apache's does not start again when it is killed at the wrong moment of a compaction.
    await system.broker.kill()
    await system.broker.start()
    assert.deepEqual(await whenServed(table), messages, 'after kill -9')
  }
  const log = join(system.broker.dataDir, 'store', 'compaction', 'compactionLog', topic, '0')
  const [file] = (await readdir(log)).filter(entry => /^\d{20}$/.test(entry)).sort()
  const dumped = await tool.run('dumpCompactionLog', '-f', join(log, file!))
  assert.match(dumped, /queueOffset=380/, `${name}: ${dumped.slice(0, 500)}`)
}

/** Clients find a broker that was away again when they ask for its route, or at the next attempt. */
async function whenServed(table: Table): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await table.read()
    } catch (error) {
      if (attempt === 60) throw error
      await sleep(500)
    }
  }
}

async function turns(context: TestContext): Promise<void> {
  const tool = await MqAdmin.start(context)
  const nameServer = await startOwnNameServer(context)
  const directory = await newDirectory('compaction')
  const storeDirectory = join(directory, 'store')
  const conf = { ...CONF, storePathRootDir: storeDirectory, storePathCommitLog: join(storeDirectory, 'commitlog') }
  const common = {
    nameServers: [nameServer.address],
    port: await freeBrokerPort(),
    conf: {
      ...conf,
      maxMessageSize: 65_536,
      mappedFileSizeCommitLog: 1 << 20,
      mappedFileSizeConsumeQueue: 6000,
      maxHashSlotNum: 1000,
      maxIndexNum: 4000,
    },
  }
  const apache = await apacheBroker(context, { ...common, dataDir: join(directory, 'apache') })
  const ours = await ownBroker({ ...common, dataDir: join(directory, 'ours') })
  context.defer(() => ours.kill().catch(() => {}))

  await apache.start()
  const system: System = { name: 'Apache', nameServer: nameServer.address, broker: apache }
  const table = await makeTable(context, tool, system, 'turns')
  let rounds = 0
  let fill = 0
  const newest = () => Array.from({ length: KEYS }, (_, key) => `k${key}=${rounds - 1}`)
  /** Writes over every key, and waits until nothing older is left. */
  const overwrite = async (who: string) => {
    await table.put(...pairs(10, rounds))
    rounds += 10
    await table.put(...fillers(`f${fill++}-`, 220))
    return table.awaitMessages(`compacted by ${who}`, 0, messages => {
      const values = messages.map(message => message.slice(message.indexOf(':') + 1))
      return (
        values.filter(value => value.startsWith('k')).length === KEYS && newest().every(one => values.includes(one))
      )
    })
  }
  let seen = await overwrite('Apache')
  await apache.stop()
  await ours.start()
  assert.deepEqual(await whenServed(table), seen, 'ours after Apache stopped')
  seen = await overwrite('ours')
  await ours.stop()
  await apache.start()
  assert.deepEqual(await whenServed(table), seen, 'Apache after ours stopped')
  seen = await overwrite('Apache again')
  await apache.stop()
  await ours.start()
  assert.deepEqual(await whenServed(table), seen, 'ours in the end')
  await table.put('k0=last')
  seen = await table.read()
  await ours.kill()
  await ours.start()
  assert.deepEqual(await whenServed(table), seen, 'ours after it was killed')
  context.note(`${rounds} values of ${KEYS} keys and ${fill * 220} others, compacted by Apache, ours, and Apache again`)
}
