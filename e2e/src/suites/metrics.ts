/** /metrics under the names that dashboards made for Apache's brokers ask for. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../apache/index.ts'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { run, runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { type OwnServer, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

interface Metrics {
  /** `# TYPE` by family. */
  readonly types: ReadonlyMap<string, string>
  /** Names of labels by series name. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>
  /** Values of labels that have a fixed vocabulary, `series{label}` to the values seen. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>
}

/** Labels whose values are words of the protocol, so that a dashboard may ask for them by name. */
const VOCABULARY = new Set([
  'message_type',
  'language',
  'version',
  'consume_mode',
  'protocol_type',
  'is_system',
  'is_retry',
  'node_type',
  'storage_type',
  'storage_medium',
  'le',
  'otel_scope_name',
])

function parse(text: string): Metrics {
  const types = new Map<string, string>()
  const labels = new Map<string, Set<string>>()
  const values = new Map<string, Set<string>>()
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)/.exec(line)
    if (type) types.set(type[1]!, type[2]!)
    const series = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line)
    if (!series) continue
    const [, name, inside = ''] = series
    const names = labels.get(name!) ?? new Set<string>()
    labels.set(name!, names)
    for (const [, label, value] of inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      names.add(label!)
      if (!VOCABULARY.has(label!)) continue
      const key = `${name}{${label}}`
      values.set(key, (values.get(key) ?? new Set()).add(value!))
    }
  }
  return { types, labels, values }
}

/** Metrics of what this version does not have yet: delayed messages, pop, and what a broker knows only with them. */
const NOT_YET = /^rocketmq_(topic_create|consumer_group_create)|^target_info$/

export default suite('metrics', ({ test }) => {
  test('names, types and labels of the broker are Apache’s', compare, { timeoutMs: 150_000 })
  test('the name server has metrics, and both say whether they are alive and ready', async context => {
    const nameServer = await startOwnNameServer(context)
    const broker = await startOwnBroker(context, { nameServers: [nameServer.address] })
    const { types } = parse(await (await fetch(`${nameServer.http}/metrics`)).text())
    for (const name of [
      'rocketmq_topic_number',
      'rocketmq_namesrv_brokers',
      'rocketmq_namesrv_connections',
      'process_resident_memory_bytes',
    ])
      assert.ok(types.has(name), `the name server has no ${name}`)
    for (const { http } of [nameServer, broker]) {
      assert.equal((await fetch(`${http}/livez`)).status, 200)
      assert.equal((await fetch(`${http}/readyz`)).status, 200)
      assert.equal((await fetch(`${http}/nothing`)).status, 404)
    }
    await nameServer.kill()
    assert.equal((await fetch(`${broker.http}/livez`)).status, 200, 'a broker without name servers is still alive')
  })
})

/** The same traffic on both: sends, a pull consumer, a push consumer that stays connected, a scrape. */
async function traffic(scope: Scope, nameServer: string, scrape: () => Promise<string>): Promise<Metrics> {
  const where = { 'name-server': nameServer, topic: 'measured' }
  await runToEnd(java, 'send', { ...where, count: 30 })
  await runToEnd(java, 'pull', { ...where, group: 'measured-pull' })
  const consumer = await run(java, 'push', { ...where, expect: 1_000_000, seconds: 60, group: 'measured-push' })
  scope.defer(() => consumer.child.kill())
  await consumer.until('received', 30)
  const producer = await run(java, 'send', { ...where, start: 30, count: 100_000, 'pause-ms': 50 })
  scope.defer(() => producer.child.kill())
  await producer.until('sent', 10)
  // Connections are known with the first heartbeat, offsets with the first commit.
  for (let i = 0; ; i++) {
    const text = await scrape()
    const found = parse(text)
    if (
      ['rocketmq_producer_connections', 'rocketmq_consumer_connections', 'rocketmq_consumer_lag_messages'].every(name =>
        found.labels.has(name),
      )
    )
      return found
    if (i > 60) throw new Error(`no connections or lag in the metrics after 30 s:\n${text.slice(0, 3000)}`)
    await sleep(500)
  }
}

async function compare(context: TestContext): Promise<void> {
  const metricsLabel = 'zone:a'
  const own = await startOwnNameServer(context)
  const broker: OwnServer = await startOwnBroker(context, { nameServers: [own.address], conf: { metricsLabel } })
  const mine = await traffic(context, own.address, async () => (await fetch(`${broker.http}/metrics`)).text())

  const theirsPort = await freePort()
  const theirServer = await startApacheNameServer(context)
  await startApacheBroker(context, {
    nameServers: [theirServer.address],
    conf: {
      metricsExporterType: 'PROM',
      metricsPromExporterPort: theirsPort,
      metricsPromExporterHost: '127.0.0.1',
      metricsLabel,
    },
  })
  const theirs = await traffic(context, theirServer.address, async () =>
    (await fetch(`http://127.0.0.1:${theirsPort}/metrics`)).text(),
  )

  const problems: string[] = []
  const notYet: string[] = []
  for (const [family, type] of theirs.types) {
    if (NOT_YET.test(family)) notYet.push(family)
    else if (!mine.types.has(family)) problems.push(`${family} is missing`)
    else if (mine.types.get(family) !== type)
      problems.push(`${family} is a ${mine.types.get(family)}, Apache's a ${type}`)
  }
  for (const [name, labels] of theirs.labels) {
    if (NOT_YET.test(name)) continue
    const ours = mine.labels.get(name)
    if (!ours) problems.push(`series ${name} is missing`)
    else if ([...labels].sort().join() !== [...ours].sort().join())
      problems.push(`labels of ${name}: ${[...ours].sort()}; Apache's ${[...labels].sort()}`)
  }
  for (const [key, words] of theirs.values) {
    if (NOT_YET.test(key)) continue
    const ours = mine.values.get(key)
    const missing = [...words].filter(word => !ours?.has(word))
    if (missing.length > 0) problems.push(`${key}: ours ${[...(ours ?? [])]}, Apache's ${[...words]}`)
  }
  for (const family of mine.types.keys())
    if (family.startsWith('rocketmq_') && !theirs.types.has(family)) context.note(`ours only: ${family}`)
  context.note(`not yet: ${notYet.sort().join(', ')}`)
  assert.equal(problems.length, 0, `${problems.length} differences:\n${[...new Set(problems)].join('\n')}`)
}
