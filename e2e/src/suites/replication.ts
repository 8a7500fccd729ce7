/** Masters and slaves, ours and Apache's, over RocketMQ's classic links: how people replicate, and how they migrate. */
import { strict as assert } from 'node:assert'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerRequests } from '@rocketcluster/protocol'
import { startApacheBroker } from '../apache-server.ts'
import { runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { Load } from '../load.ts'
import { connected } from '../reader.ts'
import { type Conf, type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

/** Small files, so that a few thousand messages fill several. */
const SMALL_FILES = {
  brokerName: 'broker-a',
  maxMessageSize: 65_536,
  mappedFileSizeCommitLog: 1 << 20,
  mappedFileSizeConsumeQueue: 6000,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
}
const SLAVE = { ...SMALL_FILES, brokerRole: 'SLAVE', brokerId: 1 }
const ANOTHER_SLAVE = { ...SLAVE, brokerId: 2 }
const TOPIC = 'replicated'
const CATCH_UP_MS = 60_000

type Start = (
  scope: Scope,
  options: { nameServers: readonly string[]; conf?: Conf; dataDir?: string; port?: number },
) => Promise<Server>
const BROKERS: Readonly<Record<'ours' | 'Apache', Start>> = { ours: startOwnBroker, Apache: startApacheBroker }

export default suite('replication', ({ test }) => {
  test('slaves, ours and Apache’s, of our master: the same log, byte for byte, and what is sent meanwhile', ourMaster, {
    timeoutMs: 240_000,
  })
  test('our slave of Apache’s master gets the whole log, not only its last file', apachesMaster, { timeoutMs: 240_000 })
  test('consumers read from a slave when the master is dead', readFromSlave, { timeoutMs: 180_000 })
  for (const slave of ['ours', 'Apache'] as const)
    test(
      `SYNC_MASTER with a slave (${slave}): SEND_OK means both have it; without it FLUSH_SLAVE_TIMEOUT`,
      context => synchronous(context, slave),
      { timeoutMs: 240_000 },
    )
})

async function send(nameServer: string, count: number, start = 0): Promise<number> {
  const load = new Load(nameServer, TOPIC, { start })
  await load.start(16)
  await load.more(count).finally(() => load.stop())
  return load.sent + 1
}

interface Ends {
  readonly min: number
  readonly max: number
}

/** Where a broker says that its log begins and ends. */
async function endsOf(nameServer: string, server: Server): Promise<Ends> {
  return connected(nameServer, async ({ client }) => {
    const { body } = await client.remoting.invoke(server.address, brokerRequests.getBrokerRuntimeInfo, {})
    return { min: Number(body?.table.get('commitLogMinOffset')), max: Number(body?.table.get('commitLogMaxOffset')) }
  })
}

async function caughtUp(nameServer: string, master: Server, slave: Server): Promise<Ends> {
  const deadline = performance.now() + CATCH_UP_MS
  for (;;) {
    // Apache's broker cannot answer in its first second: its statistics are still empty (NoSuchElementException).
    const notYet = () => ({ min: 0, max: -1 })
    const wanted = await endsOf(nameServer, master)
    const has = await endsOf(nameServer, slave).catch(notYet)
    if (has.max === wanted.max) return wanted
    if (performance.now() > deadline) assert.fail(`the slave’s log ends at ${has.max}, the master’s at ${wanted.max}`)
    await sleep(100)
  }
}

/** The files of both logs have the same bytes up to `end`, from the master's first file on. */
async function assertSameLog(master: Server, slave: Server, end: number): Promise<number> {
  const directory = (server: Server) => join(server.dataDir, 'store', 'commitlog')
  const files = (await readdir(directory(master))).filter(name => /^\d{20}$/.test(name) && Number(name) < end).sort()
  for (const name of files) {
    const bytes = Math.min(SMALL_FILES.mappedFileSizeCommitLog, end - Number(name))
    const [theirs, mine] = await Promise.all(
      [master, slave].map(async server => {
        const file = await open(join(directory(server), name))
        try {
          const buffer = Buffer.alloc(bytes)
          await file.read(buffer, 0, bytes, 0)
          return buffer
        } finally {
          await file.close()
        }
      }),
    )
    assert.ok(mine!.equals(theirs!), `${name} of the slave differs from the master’s`)
  }
  return files.length
}

async function ourMaster(context: TestContext): Promise<void> {
  const nameServer = (await startOwnNameServer(context)).address
  const nameServers = [nameServer]
  const master = await startOwnBroker(context, { nameServers, conf: SMALL_FILES })
  const sent = await send(nameServer, 4000)
  const [own, apaches] = await Promise.all([
    startOwnBroker(context, { nameServers, conf: SLAVE }),
    startApacheBroker(context, { nameServers, conf: ANOTHER_SLAVE }),
  ])
  for (const slave of [own, apaches]) await caughtUp(nameServer, master, slave)
  await send(nameServer, 2000, sent)
  await master.kill()
  await master.start()
  await send(nameServer, 500, sent + 10_000)
  let files = 0
  for (const slave of [own, apaches]) {
    const { max } = await caughtUp(nameServer, master, slave)
    files = await assertSameLog(master, slave, max)
  }
  assert.ok(files >= 5, `${files} files of the log are not several`)
  context.note(`${files} files of the log are the same on our slave and on Apache’s`)
  await connected(nameServer, async ({ client }) => {
    const { body } = await client.remoting.invoke(master.address, brokerRequests.getBrokerHaStatus, {})
    assert.equal(body?.haConnectionInfo.length, 2)
    assert.ok(body.haConnectionInfo.every(({ inSync }) => inSync))
    const slaves = await client.remoting.invoke(own.address, brokerRequests.getBrokerHaStatus, {})
    assert.equal(slaves.body?.master, false)
    // What is not in the log came over too.
    const { body: topics } = await client.remoting.invoke(own.address, brokerRequests.getAllTopicConfig, {})
    assert.ok(topics?.topicConfigTable.has(TOPIC))
  })
}

async function apachesMaster(context: TestContext): Promise<void> {
  const nameServer = (await startOwnNameServer(context)).address
  const nameServers = [nameServer]
  const master = await startApacheBroker(context, { nameServers, conf: { ...SMALL_FILES, brokerRole: 'ASYNC_MASTER' } })
  const sent = await send(nameServer, 4000)
  const slave = await startOwnBroker(context, { nameServers, conf: SLAVE })
  await caughtUp(nameServer, master, slave)
  await send(nameServer, 1000, sent)
  const { min, max } = await caughtUp(nameServer, master, slave)
  assert.equal(min, 0)
  const files = await assertSameLog(master, slave, max)
  assert.ok(files >= 5, `${files} files of the log are not several`)
  // The slave is killed and goes on where it was.
  await slave.kill()
  await send(nameServer, 1000, sent + 10_000)
  await slave.start()
  const after = await caughtUp(nameServer, master, slave)
  context.note(`${await assertSameLog(master, slave, after.max)} files of Apache’s log are the same on our slave`)
}

async function readFromSlave(context: TestContext): Promise<void> {
  const nameServer = (await startOwnNameServer(context)).address
  const nameServers = [nameServer]
  const master = await startOwnBroker(context, { nameServers, conf: SMALL_FILES })
  const slave = await startOwnBroker(context, { nameServers, conf: SLAVE })
  const count = 300
  await runToEnd(java, 'send', { 'name-server': nameServer, topic: TOPIC, count, mode: 'sync', size: 200 })
  await caughtUp(nameServer, master, slave)
  // Topics follow within a second.
  await sleep(2000)
  await master.kill()
  const { received } = await runToEnd(java, 'push', {
    'name-server': nameServer,
    topic: TOPIC,
    group: 'replicated-group',
    expect: count,
    seconds: 90,
  })
  assert.equal(new Set(received.map(({ n }) => n)).size, count)
  context.note(`${count} messages were consumed from the slave while the master was dead`)
}

async function synchronous(context: TestContext, kind: keyof typeof BROKERS): Promise<void> {
  const nameServer = (await startOwnNameServer(context)).address
  const nameServers = [nameServer]
  const conf = { ...SMALL_FILES, brokerRole: 'SYNC_MASTER', totalReplicas: 2, inSyncReplicas: 2, slaveTimeout: 1500 }
  const master = await startOwnBroker(context, { nameServers, conf })
  const slave = await BROKERS[kind](context, { nameServers, conf: SLAVE })
  await connected(nameServer, async ({ admin }) => {
    await admin.createTopic(TOPIC, { readQueueNums: 4, writeQueueNums: 4 })
    await admin.awaitTopic(TOPIC)
  })
  const sends = async (start: number) => {
    const load = new Load(nameServer, TOPIC, { start, sendMsgTimeout: 6000 })
    await load.start(8)
    await load.more(200, 30_000).finally(() => load.stop())
    return load
  }
  const deadline = performance.now() + CATCH_UP_MS
  // A slave that has just started may take some seconds to its first report.
  while ((await slavesOf(nameServer, master)) < 1) {
    assert.ok(performance.now() < deadline, 'the slave does not follow')
    await sleep(100)
  }
  const both = await sends(0)
  assert.deepEqual([...both.failures], [])
  await slave.kill()
  const alone = new Load(nameServer, TOPIC, { start: 100_000, sendMsgTimeout: 6000 })
  await alone.start(4)
  await sleep(4000)
  await alone.stop()
  assert.equal(alone.acknowledged.length, 0, 'a message was acknowledged that only the master has')
  assert.deepEqual([...alone.failures.keys()], ['FLUSH_SLAVE_TIMEOUT'])
  await slave.start()
  while ((await slavesOf(nameServer, master)) < 1) await sleep(100)
  await caughtUp(nameServer, master, slave)
  const again = await sends(200_000)
  assert.deepEqual([...again.failures], [])
  context.note(`${both.acknowledged.length + again.acknowledged.length} SEND_OK with both, 0 while the slave was dead`)
}

async function slavesOf(nameServer: string, master: Server): Promise<number> {
  return connected(nameServer, async ({ client }) => {
    const { body } = await client.remoting.invoke(master.address, brokerRequests.getBrokerHaStatus, {})
    return body?.haConnectionInfo.length ?? 0
  })
}
