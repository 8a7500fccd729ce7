/**
 * What idle connections cost: opens many from another process, each of which has asked once, and prints memory for each and
 * the CPU that they take while nothing happens.
 *
 *     node --expose-gc remoting/bench/idle.ts [connections=10000]
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { encodeCommand, f, request } from '@rocketcluster/protocol'
import { nodeWorld } from '@rocketcluster/world/node'
import { RemotingServer } from '../src/index.ts'

const ping = request({ code: 1, header: { text: f.string() } })
const count = Number(process.argv[2] ?? 10_000)

if (process.env['IDLE_PORT']) await connectAll(Number(process.env['IDLE_PORT']))
else await serve()

async function serve(): Promise<void> {
  const server = new RemotingServer(nodeWorld(), {
    host: '127.0.0.1',
    port: 0,
    requests: { ping },
    handlers: { ping: () => ({}) },
    services: {},
    idleTimeoutMs: 8000,
  })
  const { port } = await server.start()
  const before = memory()
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), String(count)], {
    env: { ...process.env, IDLE_PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  while (server.connections.size < count) await new Promise(resolve => setTimeout(resolve, 50))
  await new Promise(resolve => setTimeout(resolve, 500))
  const after = memory()
  const cpu = process.cpuUsage()
  await new Promise(resolve => setTimeout(resolve, 3000))
  const { user, system } = process.cpuUsage(cpu)
  const each = (bytes: number) => `${(bytes / count / 1024).toFixed(2)} KiB`
  console.log(
    `${count} connections: heap ${each(after.heapUsed - before.heapUsed)}, outside of it ${each(after.external - before.external)}, ` +
      `resident ${each(after.rss - before.rss)} each; ${((user + system) / 3e6).toFixed(4)} of a core while idle`,
  )
  while (server.connections.size > 0) await new Promise(resolve => setTimeout(resolve, 100))
  console.log('all closed as idle')
  child.kill()
  await server.close()
}

function memory(): NodeJS.MemoryUsage {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage()
}

async function connectAll(port: number): Promise<void> {
  const { network } = nodeWorld()
  const asking = encodeCommand({
    code: 1,
    language: 'JAVA',
    version: 513,
    opaque: 1,
    flag: 0,
    extFields: { text: 'x' },
  })
  for (let i = 0; i < count; i += 200)
    await Promise.all(
      Array.from({ length: Math.min(200, count - i) }, async () => {
        const connection = await network.connect({ host: '127.0.0.1', port, timeoutMs: 10_000 })
        connection.onData = () => {}
        connection.onClose = () => {}
        connection.write([asking])
      }),
    )
  await new Promise(resolve => setTimeout(resolve, 60_000))
}
