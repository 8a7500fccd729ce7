/** One store directory, opened by Apache's broker and by ours in turn. */
import { strict as assert } from 'node:assert'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freeBrokerPort } from '../apache/index.ts'
import { apacheBroker } from '../apache-server.ts'
import { runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { Load } from '../load.ts'
import { connected } from '../reader.ts'
import { newDirectory, ownBroker, type Server, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'
import { expectSame, type Snapshot, snapshot } from '../snapshot.ts'

const TOPICS = ['compat-a', 'compat-b', 'compat-c']
const GROUP = 'compat-group'
/** Small files, so that a test's few messages fill several commit logs, consume queues and index files. */
const SMALL_FILES = {
  maxMessageSize: 65_536,
  mappedFileSizeCommitLog: 1 << 20,
  mappedFileSizeConsumeQueue: 6000,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
}

interface Pair {
  readonly nameServer: string
  readonly storeDirectory: string
  readonly apache: Server
  readonly ours: Server
}

/** Both on one store directory and one port, so that the address in the stored messages is the same. */
async function pair(scope: Scope): Promise<Pair> {
  const nameServer = await startOwnNameServer(scope)
  const directory = await newDirectory('compat')
  const storeDirectory = join(directory, 'store')
  const conf = {
    ...SMALL_FILES,
    storePathRootDir: storeDirectory,
    storePathCommitLog: join(storeDirectory, 'commitlog'),
  }
  const common = { nameServers: [nameServer.address], port: await freeBrokerPort(), conf }
  const apache = await apacheBroker(scope, { ...common, dataDir: join(directory, 'apache') })
  const ours = await ownBroker({ ...common, dataDir: join(directory, 'ours') })
  return { nameServer: nameServer.address, storeDirectory, apache, ours }
}

export default suite('store-compatibility', ({ test }) => {
  test('Apache and ours take turns on one store directory, after clean stops and kill -9', turns, {
    timeoutMs: 240_000,
  })
  test('a store is locked against the other broker while one runs', locks, { timeoutMs: 120_000 })
})

async function turns(context: TestContext): Promise<void> {
  const { nameServer, storeDirectory, apache, ours } = await pair(context)
  context.defer(() => ours.kill().catch(() => {}))
  const keys: string[] = []
  const timestamps: number[] = []
  let next = 0
  /** By the official client in batches and one by one, and a load of ours; then a group commits some way into each queue. */
  const write = async () => {
    timestamps.push(Date.now())
    for (const [i, topic] of TOPICS.entries()) {
      const mode = ['batch', 'sync', 'async'][i]!
      await runToEnd(java, 'send', { 'name-server': nameServer, topic, start: next, count: 40, mode, size: 700 })
      keys.push(`key-${next}`, `key-${next + 17}`)
      next += 40
    }
    for (const topic of TOPICS.slice(0, 2)) {
      const load = new Load(nameServer, topic, { start: next })
      await load.start(8)
      await load.more(700).finally(() => load.stop())
      keys.push(`key-${next}`, `key-${next + 300}`)
      next = load.sent + 1
    }
    timestamps.push(Date.now())
  }
  const commit = (share: number) =>
    connected(nameServer, async ({ client }) => {
      const { PullConsumer } = await import('@rocketcluster/client')
      const member = new PullConsumer(client.world, { client, consumerGroup: GROUP })
      for (const topic of TOPICS)
        for (const queue of await member.fetchQueues(topic))
          await member.commitOffset(queue, Math.floor((await member.maxOffset(queue)) * share))
    })
  const look = () => snapshot(nameServer, { topics: TOPICS, groups: [GROUP], keys, timestamps })
  const same = (before: Snapshot, when: string) =>
    expectSame(nameServer, { topics: TOPICS, groups: [GROUP], keys, timestamps }, before, when)

  await apache.start()
  await connected(nameServer, async ({ admin }) => {
    for (const [i, topic] of TOPICS.entries())
      await admin.createTopic(topic, { readQueueNums: 2 + i, writeQueueNums: 2 + i })
    for (const topic of TOPICS) await admin.awaitTopic(topic)
    // Apache keeps no offsets of a group that it does not know.
    for (const address of await admin.masters())
      await admin.createSubscriptionGroup({ groupName: GROUP }, { brokerAddress: address })
  })
  await write()
  await commit(0.4)
  let seen = await look()
  await apache.stop()

  await ours.start()
  await same(seen, 'ours after Apache stopped')
  await write()
  await commit(0.6)
  seen = await look()
  await ours.stop()

  await apache.start()
  await same(seen, 'Apache after ours stopped')
  await write()
  seen = await look()
  await apache.kill()

  await ours.start()
  await same(seen, 'ours after Apache was killed')
  await write()
  seen = await look()
  await ours.kill()

  await apache.start()
  await same(seen, 'Apache after ours was killed')
  await apache.stop()
  await ours.start()
  await same(seen, 'ours in the end')
  await ours.stop()
  const files = await readdir(join(storeDirectory, 'commitlog'))
  assert.ok(files.length > 4, `only ${files.length} commit log files were filled`)
  const messages = Object.entries(seen).filter(([name]) => name.startsWith('messages of'))
  context.note(
    `${messages.reduce((sum, [, list]) => sum + (list as unknown[]).length, 0)} messages in ${files.length} commit log files, ${messages.length} queues, ${keys.length} keys`,
  )
}

async function locks(context: TestContext): Promise<void> {
  const { nameServer, storeDirectory, apache, ours } = await pair(context)
  context.defer(() => ours.kill().catch(() => {}))
  const conf = {
    ...SMALL_FILES,
    storePathRootDir: storeDirectory,
    storePathCommitLog: join(storeDirectory, 'commitlog'),
  }
  const otherPort = await freeBrokerPort()
  const secondOurs = await ownBroker({ nameServers: [nameServer], port: otherPort, conf })
  const secondApache = await apacheBroker(context, { nameServers: [nameServer], port: otherPort, conf })

  await apache.start()
  await assert.rejects(secondOurs.start(), (error: Error) => {
    assert.match(error.message, /lock/i)
    assert.ok(error.message.includes(storeDirectory), `the message does not name ${storeDirectory}: ${error.message}`)
    return true
  })
  // What was refused has changed nothing: the broker that runs goes on, and stops cleanly.
  await runToEnd(java, 'send', { 'name-server': nameServer, topic: 'compat-lock', count: 5 })
  await apache.stop()

  await ours.start()
  await assert.rejects(secondApache.start(), /Lock failed/i)
  await assert.rejects(secondOurs.start(), /lock/i)
  await runToEnd(java, 'send', { 'name-server': nameServer, topic: 'compat-lock', count: 5 })
  await ours.kill()
  // A killed broker leaves no lock behind.
  await apache.start()
  await apache.kill()
  await ours.start()
  await ours.stop()
}
