/**
 * How much of the event loop one stored message takes: appends 1 KiB messages, `outstanding` at a time, into a temporary
 * directory, consume queues and index included, then reads them back.
 *
 *     node broker/bench/store.ts [--seconds 5] [--outstanding 256] [--topics 4] [--queues 4] [--sync]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { silentLog } from '@rocketcluster/world'
import { nodeWorld } from '@rocketcluster/world/node'
import { storeConfig } from '../src/store/config.ts'
import { Store } from '../src/store/store.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    outstanding: { type: 'string', default: '256' },
    topics: { type: 'string', default: '4' },
    queues: { type: 'string', default: '4' },
    sync: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const outstanding = Number(values.outstanding)
const topics = Number(values.topics)
const queues = Number(values.queues)

const directory = mkdtempSync(`${tmpdir()}/rocketcluster-store-bench-`)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const world = nodeWorld({ log: silentLog })
const store = await Store.open(
  world,
  storeConfig({ storePathRootDir: directory, flushDiskType: values.sync ? 'SYNC_FLUSH' : 'ASYNC_FLUSH' }),
)

const body = Buffer.alloc(1024, 'x')
const properties = Buffer.from(
  'UNIQ_KEY\x01AC1100010001000000000000000000\x02WAIT\x01true\x02TAGS\x01TagA\x02CLUSTER\x01DefaultCluster\x02',
)
const bornHost = Buffer.from([10, 0, 0, 1, 0, 0, 0x12, 0x34])
const names = Array.from({ length: topics }, (_, i) => `BenchmarkTopic${i}`)
let next = 0

function message() {
  const i = next++
  return {
    topic: names[i % topics]!,
    queueId: Math.floor(i / topics) % queues,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000,
    bornHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body,
    properties,
    tagsCode: 2598919,
    uniqKey: `AC11000100010000000000${(10_000_000_000 + i).toString()}`,
    keys: undefined,
  }
}

/** Runs `work`, and prints what it cost per message. */
async function measure(name: string, work: () => Promise<number>): Promise<void> {
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  const started = performance.now()
  const count = await work()
  const elapsed = performance.now() - started
  const used = process.cpuUsage(cpu)
  const { active } = performance.eventLoopUtilization(loop)
  const perMessage = (ms: number) => ((ms * 1000) / count).toFixed(2)
  console.log(
    `${name}: ${count} messages, ${Math.round((count / elapsed) * 1000)} a second; per message ${perMessage(active)} µs of event loop, ` +
      `${perMessage((used.user + used.system) / 1000)} µs of CPU (${perMessage(used.system / 1000)} system); rss ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
  )
}

async function append(ms: number): Promise<number> {
  const until = performance.now() + ms
  let sent = 0
  let lost: unknown
  const finished = Promise.withResolvers<void>()
  let waiting = 0
  const send = (count: number) => {
    for (let i = 0; i < count; i++) {
      const { physicalOffset, sizeBytes } = store.append(message())
      sent++
      waiting++
      store.committed(physicalOffset + sizeBytes, true).then(done, error => {
        lost = error
        finished.resolve()
      })
    }
  }
  const done = () => {
    waiting--
    if (performance.now() < until) send(1)
    else if (waiting === 0) finished.resolve()
  }
  send(outstanding)
  await finished.promise
  if (lost) throw lost
  return sent
}

async function readAll(): Promise<number> {
  let count = 0
  for (const topic of names)
    for (let queueId = 0; queueId < queues; queueId++) {
      let queueOffset = store.minOffset(topic, queueId)
      for (;;) {
        const found = store.getMessage({ topic, queueId, queueOffset, maxCount: 32 })
        const result = found instanceof Promise ? await found : found
        if (result.status !== 'FOUND') break
        count += result.messageCount
        queueOffset = result.nextBeginOffset
        result.release()
      }
    }
  return count
}

await measure('warm-up', () => append(1000))
const groups = store.stats.commitGroups
const messages = store.stats.putMessages
await measure('append', () => append(seconds * 1000))
console.log(
  `messages per write: ${((store.stats.putMessages - messages) / (store.stats.commitGroups - groups)).toFixed(1)}`,
)
await measure('read backlog', readAll)
const { getHotMessages, getColdMessages, coldReads, coldReadBytes } = store.stats
console.log({ getHotMessages, getColdMessages, coldReads, coldReadBytes })
const closing = performance.now()
await store.close()
console.log(`closed in ${Math.round(performance.now() - closing)} ms`)
const opening = performance.now()
const again = await Store.open(world, store.config)
console.log(`opened in ${Math.round(performance.now() - opening)} ms`)
await again.close()
