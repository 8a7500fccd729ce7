/**
 * What an entry in the consume queues and in the index costs the event loop, flushes included, and how long a store with
 * many queues takes to open.
 *
 *     node broker/bench/derived.ts [--puts 5000000] [--queues 16] [--open 10000]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { silentLog } from '@rocketcluster/world'
import { nodeWorld } from '@rocketcluster/world/node'
import { ConsumeQueues } from '../src/store/consume-queues.ts'
import { IndexService } from '../src/store/index-service.ts'

const { values } = parseArgs({
  options: {
    puts: { type: 'string', default: '5000000' },
    queues: { type: 'string', default: '16' },
    open: { type: 'string', default: '10000' },
  },
})
const puts = Number(values.puts)
const queueCount = Number(values.queues)
const openCount = Number(values.open)

const directory = mkdtempSync(`${tmpdir()}/rocketcluster-bench-`)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const world = nodeWorld()
const MESSAGE_BYTES = 1200
/** Messages between two turns of the event loop, as one group of sends brings them. */
const GROUP = 256
/** Messages between two flushes: one second at the rate we aim at. */
const FLUSH_EVERY = 150_000

const turn = () => new Promise(resolve => setImmediate(resolve))

interface Derived {
  flush(): Promise<unknown>
  close(): Promise<void>
}

/** Nanoseconds per put, alone and with the CPU time of the flushes that run beside; the longest turn in milliseconds. */
async function measure(name: string, derived: Derived, put: (i: number) => void): Promise<void> {
  const cpu = process.cpuUsage()
  const started = performance.now()
  let inPut = 0
  let longest = 0
  let flushing: Promise<unknown> | undefined
  let turnStarted = performance.now()
  for (let i = 0; i < puts; ) {
    const from = performance.now()
    longest = Math.max(longest, from - turnStarted)
    for (const end = Math.min(puts, i + GROUP); i < end; i++) put(i)
    inPut += performance.now() - from
    if (i % FLUSH_EVERY < GROUP) {
      // As the store does: the next flush only when the last one is done.
      await flushing
      flushing = derived.flush()
    }
    turnStarted = performance.now()
    await turn()
  }
  await derived.flush()
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  await derived.close()
  console.log(
    `${name}: ${Math.round((inPut * 1e6) / puts)} ns per put, ${Math.round(((user + system) * 1e3) / puts)} ns CPU in all (writing included), ` +
      `longest pause ${longest.toFixed(1)} ms, ${Math.round(elapsed)} ms for ${puts} puts`,
  )
}

const queues = await ConsumeQueues.open(world, {
  directory: `${directory}/consumequeue`,
  fileSizeBytes: 6_000_000,
  maxOpenFiles: 64,
  log: silentLog,
})
await measure(`consume queues (${queueCount})`, queues, i => {
  const queueId = i % queueCount
  queues.put('BenchmarkTopic', queueId, (i - queueId) / queueCount, i * MESSAGE_BYTES, MESSAGE_BYTES, 2598919)
})

const index = await IndexService.open(world, {
  directory: `${directory}/index`,
  maxHashSlotNum: 5_000_000,
  maxIndexNum: 20_000_000,
  log: silentLog,
})
const keys = Array.from(
  { length: 1_000_000 },
  (_, i) => `AC11000100010000000000${(1_000_000_000_000 + i).toString(36)}`,
)
await measure('index', index, i => {
  // Fresh strings, as the wire brings them, without the cost of making them.
  index.put('BenchmarkTopic', keys[i % keys.length]!, undefined, i * MESSAGE_BYTES, 1_700_000_000_000 + i)
})

const many = `${directory}/many`
const made = await ConsumeQueues.open(world, {
  directory: many,
  fileSizeBytes: 6_000_000,
  maxOpenFiles: 64,
  log: silentLog,
})
for (let i = 0; i < openCount * 3; i++)
  made.put(
    `topic-${i % (openCount / 10)}`,
    Math.floor(i / (openCount / 10)) % 10,
    Math.floor(i / openCount),
    i * 100,
    100,
    0,
  )
const flushStarted = performance.now()
await made.close()
console.log(`first flush of ${openCount} queues: ${Math.round(performance.now() - flushStarted)} ms`)
for (const lastExitOk of [true, false]) {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const started = performance.now()
  const opened = await ConsumeQueues.open(world, {
    directory: many,
    fileSizeBytes: 6_000_000,
    maxOpenFiles: 64,
    log: silentLog,
    lastExitOk,
    ...(lastExitOk ? {} : { trustedPhysicalOffset: openCount * 300 }),
  })
  const ms = Math.round(performance.now() - started)
  globalThis.gc?.()
  const bytes = Math.round((process.memoryUsage().heapUsed - before) / openCount)
  console.log(
    `open with ${openCount} queues after ${lastExitOk ? 'a proper close' : 'a crash'}: ${ms} ms` +
      (globalThis.gc ? `, ${bytes} bytes per idle queue` : ''),
  )
  await opened.close()
}
