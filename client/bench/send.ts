/**
 * What the producer costs: acknowledged sends to a broker in another process that stores nothing.
 *
 *     node client/bench/send.ts [concurrent=64] [seconds=4] [bytes=1024]
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { nodeWorld } from '@rocketcluster/world/node'
import { Producer } from '../src/index.ts'
import { FakeCluster } from '../src/testing/fake-cluster.ts'

const [concurrent = 64, seconds = 4, bytes = 1024] = process.argv.slice(2).map(Number)

if (process.env['SEND_SERVER']) await serve()
else await load()

async function serve(): Promise<void> {
  const cluster = new FakeCluster(nodeWorld(), 1)
  cluster.keepsNothing = true
  await cluster.start()
  cluster.create('T', 8)
  process.stdout.write(`${cluster.nameServers[0]}\n`)
}

async function load(): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    env: { ...process.env, SEND_SERVER: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const nameServers = await new Promise<string>(resolve =>
    child.stdout.once('data', line => resolve(String(line).trim())),
  )
  const producer = new Producer(nodeWorld(), { nameServers })
  await producer.start()
  const body = Buffer.alloc(bytes, 'x')
  let sent = 0
  const until = performance.now() + seconds * 1000
  const cpu = process.cpuUsage()
  await Promise.all(
    Array.from({ length: concurrent }, async () => {
      while (performance.now() < until) {
        await producer.send({ topic: 'T', body })
        sent++
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    `${concurrent} concurrent: ${Math.round(sent / seconds)} sends/s, ${((user + system) / sent).toFixed(2)} µs of producer CPU each`,
  )
  await producer.stop()
  child.kill()
}
