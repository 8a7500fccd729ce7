/** A group of three under `rocketcluster up`: masters and replicas die, hang and leave while producers go on. */
import { strict as assert } from 'node:assert'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerRequests, nameserverRequests } from '@rocketcluster/protocol'
import { type Running, run, runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { type Acknowledged, Load } from '../load.ts'
import { connected, readTopic } from '../reader.ts'
import { startUp, type Up, type UpReport } from '../rocketcluster.ts'
import { suite, type TestContext } from '../runner/suite.ts'

const LOAD = 'failover-load'
const JAVA = 'failover-java'
const GROUP = 'failover-broker-0'
const PAUSE_MS = 5

type Process = UpReport['processes'][number]

interface Fault {
  readonly name: string
  readonly who: 'master' | 'replica'
  strike(process: Process): void
  /** When it is over; what died is started again by `up`. */
  end?(process: Process): void
}

const signal = (name: NodeJS.Signals) => (process: Process) => void globalThis.process.kill(process.pid, name)

const FAULTS: readonly Fault[] = [
  { name: 'a master that is killed', who: 'master', strike: signal('SIGKILL') },
  { name: 'a master that hangs', who: 'master', strike: signal('SIGSTOP') },
  { name: 'a master that leaves (SIGTERM)', who: 'master', strike: signal('SIGTERM') },
  { name: 'a replica that is killed', who: 'replica', strike: signal('SIGKILL') },
  { name: 'a replica that hangs', who: 'replica', strike: signal('SIGSTOP'), end: signal('SIGCONT') },
]

export default suite('failover', ({ test }) => {
  for (const flush of ['Async', 'Sync'])
    test(
      `flush ${flush}: nothing acknowledged is lost, whoever dies, hangs or leaves (--set failover-rounds=N)`,
      context => failovers(context, flush),
      { timeoutMs: 3_600_000 },
    )
})

const manifest = (flush: string) => `apiVersion: rocketcluster.dev/v1beta1
kind: RocketCluster
metadata: { name: failover }
spec:
  broker:
    replicas: 3
    durability: { replication: Sync, flush: ${flush} }
`

async function failovers(context: TestContext, flush: string): Promise<void> {
  const rounds = context.setting('failover-rounds', 3)
  const directory = await context.directory()
  const file = join(directory, 'failover.yaml')
  await writeFile(file, manifest(flush))
  const up = await startUp(context, file, join(directory, 'data'))
  const [nameServer] = up.report.nameServers as [string]
  await connected(nameServer, async ({ admin }) => {
    for (const topic of [LOAD, JAVA]) await admin.createTopic(topic, { readQueueNums: 4, writeQueueNums: 4 })
    for (const topic of [LOAD, JAVA]) await admin.awaitTopic(topic)
  })
  const producer = await run(java, 'send', {
    'name-server': nameServer,
    topic: JAVA,
    count: 10_000_000,
    'timeout-ms': 3000,
    'pause-ms': PAUSE_MS,
    size: 300,
  })
  context.defer(() => producer.child.kill())
  await producer.until('sent', 20)
  const load = new Load(nameServer, LOAD)
  await load.start(16)
  context.defer(() => load.stop())
  for (const fault of FAULTS) {
    const outages: number[] = []
    for (let round = 0; round < rounds; round++) {
      const [struckProcess, outageMs] = await oneFault(fault, nameServer, up, producer, load)
      outages.push(outageMs)
      await allInSync(nameServer, struckProcess)
    }
    outages.sort((a, b) => a - b)
    context.note(
      `${fault.name}: the Java client’s longest pause between two acknowledgements, ${rounds} times: median ${outages[rounds >> 1]} ms, most ${outages.at(-1)} ms`,
    )
  }
  await load.stop()
  await producer.child.kill()
  await assertStored(nameServer, LOAD, load.acknowledged)
  await assertStored(nameServer, JAVA, producer.sent as readonly Acknowledged[])
  // What a consumer gets is what was acknowledged, whoever is master now.
  const { received } = await runToEnd(java, 'push', {
    'name-server': nameServer,
    topic: JAVA,
    group: 'failover',
    expect: new Set(producer.sent.map(({ n }) => n)).size,
    seconds: 120,
  })
  const got = new Set(received.map(({ n }) => n))
  assert.deepEqual(
    producer.sent.filter(({ n }) => !got.has(n)),
    [],
  )
  context.note(
    `${load.acknowledged.length} + ${producer.sent.length} acknowledged messages present; sends that failed: ${JSON.stringify([...load.failures])}, Java: ${producer.failures.length}`,
  )
}

/** Strikes, and waits until sends go on. Returns the longest pause that the Java client had. */
async function oneFault(
  fault: Fault,
  nameServer: string,
  up: Up,
  producer: Running,
  load: Load,
): Promise<[Process, number]> {
  const members = await membersOf(nameServer, up)
  const struck = members.find(({ isMaster }) => isMaster === (fault.who === 'master'))!.process
  let longestMs = 0
  let lastMs = performance.now()
  let counting = true
  producer.child.onLine(line => {
    if (!counting || !line.startsWith('sent ')) return
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  })
  fault.strike(struck)
  await sleep(500)
  const before = producer.sent.length
  await Promise.all([load.more(200, 60_000), producer.until('sent', before + 200, 60_000)])
  fault.end?.(struck)
  counting = false
  return [struck, Math.round(longestMs)]
}

/** Who answers as what now; processes that were started again have another pid. */
async function membersOf(nameServer: string, up: Up): Promise<{ process: Process; isMaster: boolean }[]> {
  const { processes } = await current(up)
  return connected(nameServer, async ({ client }) =>
    Promise.all(
      processes
        .filter(({ kind }) => kind === 'broker')
        .map(async process => {
          const { body } = await client.remoting.invoke(
            process.address,
            brokerRequests.getBrokerHaStatus,
            {},
            { timeoutMs: 5000 },
          )
          return { process, isMaster: body!.master }
        }),
    ),
  )
}

/** As `running.json` of the data directory has it now. */
async function current(up: Up): Promise<UpReport> {
  const { dataDir } = up.report.processes[0]!
  return JSON.parse(await readFile(join(dataDir, '..', 'running.json'), 'utf8'))
}

/** The next fault finds a whole group. */
async function allInSync(nameServer: string, { address }: Process): Promise<void> {
  const dueMs = performance.now() + 60_000
  for (;;) {
    const inSync = await connected(nameServer, async ({ client }) => {
      const master = (await client.remoting.invoke(
        nameServer,
        nameserverRequests.getBrokerClusterInfo,
        {},
        { timeoutMs: 5000 },
      ))!
        .body!.brokerAddrTable.get(GROUP)
        ?.brokerAddrs.get(0)
      const { body } = await client.remoting.invoke(master!, brokerRequests.getBrokerHaStatus, {}, { timeoutMs: 5000 })
      return body!.inSyncSlaveNums
    }).catch(() => 0)
    if (inSync === 2) return
    if (performance.now() > dueMs)
      throw new Error(`60 s after ${address} was struck only ${inSync} replicas are in sync`)
    await sleep(200)
  }
}

async function assertStored(
  nameServer: string,
  topic: string,
  acknowledged: readonly Pick<Acknowledged, 'n' | 'queueId' | 'queueOffset'>[],
): Promise<void> {
  const stored = new Map(
    (await readTopic(nameServer, topic)).map(({ n, queueId, queueOffset }) => [`${queueId}/${queueOffset}`, n]),
  )
  for (const { n, queueId, queueOffset } of acknowledged)
    assert.equal(
      stored.get(`${queueId}/${queueOffset}`),
      n,
      `${topic}: message ${n} at queue/offset ${queueId}/${queueOffset}`,
    )
}
