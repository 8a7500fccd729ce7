/** `kill -9` of our broker at random moments under load: what was acknowledged is there, where it was said to be. */
import { strict as assert } from 'node:assert'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { type Acknowledged, bodyOf, keyOf, Load, tagOf } from '../load.ts'
import { connected, readTopic } from '../reader.ts'
import { startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { suite, type TestContext } from '../runner/suite.ts'
import { consumeQueuesOnDisk, snapshot } from '../snapshot.ts'

const FLUSH = ['ASYNC_FLUSH', 'SYNC_FLUSH'] as const
const LOAD = 'crash-load'
const JAVA = 'crash-java'

export default suite('crash', ({ test }) => {
  for (const flushDiskType of FLUSH) {
    test(
      `kill -9 under load with ${flushDiskType} loses nothing (--set crash-rounds=N)`,
      context => crashes(context, flushDiskType),
      {
        timeoutMs: 3_600_000,
      },
    )
  }
})

async function crashes(context: TestContext, flushDiskType: string): Promise<void> {
  const rounds = context.setting('crash-rounds', 5)
  const nameServer = await startOwnNameServer(context)
  const broker = await startOwnBroker(context, {
    nameServers: [nameServer.address],
    // Small files, so that a few seconds of load roll over several of them.
    conf: { flushDiskType, mappedFileSizeCommitLog: 8 << 20, mappedFileSizeConsumeQueue: 20_000 },
  })
  const store = join(broker.dataDir, 'store')
  await connected(nameServer.address, async ({ admin }) => {
    for (const topic of [LOAD, JAVA]) await admin.createTopic(topic, { readQueueNums: 4, writeQueueNums: 4 })
    for (const topic of [LOAD, JAVA]) await admin.awaitTopic(topic)
  })
  const javaProducer = await run(java, 'send', {
    'name-server': nameServer.address,
    topic: JAVA,
    count: 10_000_000,
    'timeout-ms': 2000,
    'pause-ms': 2,
    size: 300,
  })
  context.defer(() => javaProducer.child.kill())
  await javaProducer.until('sent', 1)

  const startMs: number[] = []
  const acknowledged: Acknowledged[] = []
  let sent = 0
  for (let round = 0; round < rounds; round++) {
    const load = new Load(nameServer.address, LOAD, { start: sent })
    const known = acknowledged.length
    const delayMs = Math.round(Math.random() * 1000)
    try {
      await load.start(32)
      await load.more(300)
      await sleep(delayMs)
      await broker.kill()
      const began = performance.now()
      await broker.start()
      startMs.push(performance.now() - began)
      // The load went on while the broker was away, and finds it again by itself.
      await load.more(100)
    } finally {
      await load.stop()
    }
    acknowledged.push(...load.acknowledged)
    sent = load.sent
    try {
      await assertAll(nameServer.address, acknowledged, known)
    } catch (error) {
      throw new Error(`round ${round}, killed ${delayMs} ms into the load: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  await javaProducer.child.kill()
  const javaStored = new Map(
    (await readTopic(nameServer.address, JAVA)).map(({ n, queueId, queueOffset }) => [`${queueId}/${queueOffset}`, n]),
  )
  for (const { n, queueId, queueOffset } of javaProducer.sent)
    assert.equal(
      javaStored.get(`${queueId}/${queueOffset}`),
      n,
      `Java's message ${n}, acknowledged at queue/offset ${queueId}/${queueOffset}`,
    )
  context.note(
    `${rounds} rounds, ${acknowledged.length} + ${javaProducer.sent.length} acknowledged messages present, start after kill -9 ${Math.round(Math.min(...startMs))} to ${Math.round(Math.max(...startMs))} ms`,
  )

  // Derived data after all those crashes is what a rebuild from the log alone makes of it, file by file and answer by answer.
  const some = acknowledged.filter((_, i) => i % Math.ceil(acknowledged.length / 40) === 0)
  const wanted = { topics: [LOAD, JAVA], groups: [], keys: some.map(({ n }) => keyOf(n)), timestamps: [] }
  const before = await snapshot(nameServer.address, wanted)
  for (const { n } of some)
    assert.equal((before[`key ${keyOf(n)} in ${LOAD}`] as unknown[]).length, 1, `key ${keyOf(n)}`)
  for (const how of ['stop', 'kill'] as const) {
    // A clean stop writes out all of the consume queues. After a kill the disk may be behind, and only answers are compared.
    await broker[how]()
    const onDisk = how === 'stop' ? await consumeQueuesOnDisk(store) : undefined
    await rm(join(store, 'consumequeue'), { recursive: true })
    await rm(join(store, 'index'), { recursive: true })
    await broker.start()
    assert.deepEqual(await snapshot(nameServer.address, wanted), before, `rebuilt after ${how}`)
    if (!onDisk) continue
    await broker.stop()
    assert.deepEqual(await consumeQueuesOnDisk(store), onDisk, 'consume queue files rebuilt')
    await broker.start()
  }
}

/** Reads everything; what was checked in earlier rounds is checked again, since a later crash could take it back. */
async function assertAll(nameServer: string, acknowledged: readonly Acknowledged[], known: number): Promise<void> {
  const stored = new Map(
    (await readTopic(nameServer, LOAD)).map(message => [`${message.queueId}/${message.queueOffset}`, message]),
  )
  const given = new Map<string, number>()
  for (const [i, { n, queueId, queueOffset }] of acknowledged.entries()) {
    const position = `${queueId}/${queueOffset}`
    const when = i < known ? 'an earlier round' : 'this round'
    assert.equal(
      given.get(position),
      undefined,
      `queue/offset ${position} was acknowledged for ${given.get(position)} and for ${n}`,
    )
    given.set(position, n)
    const message = stored.get(position)
    assert.ok(message, `message ${n}, acknowledged in ${when} at queue/offset ${position}, is gone`)
    assert.equal(
      message.n,
      n,
      `queue/offset ${position}, acknowledged in ${when} for message ${n}, holds message ${message.n}`,
    )
    assert.ok(message.message.body.equals(bodyOf(n)), `the body of message ${n} has changed`)
    assert.equal(message.message.tags, tagOf(n))
  }
}
