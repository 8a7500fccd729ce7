/**
 * What remoting costs: one server process-wide, echo through the hot hook and through an ordinary handler, on loopback.
 * The load comes from another process, so that the server's share of the CPU is its own.
 *
 *     node remoting/bench/echo.ts [connections=1] [pipelined=64] [seconds=5] [hot|handler]
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bytesBody, encodeCommand, type Frame, f, frameBytes, request } from '@rocketcluster/protocol'
import { silentLog } from '@rocketcluster/world'
import { nodeWorld } from '@rocketcluster/world/node'
import { RemotingServer, type ServerConnection } from '../src/index.ts'

const echo = request({
  code: 310,
  header: { topic: f.string(), queueId: f.int() },
  body: bytesBody,
  reply: {},
  replyBody: bytesBody,
})
const [connections = '1', pipelined = '64', seconds = '5', mode = 'hot'] = process.argv.slice(2)

if (process.env['ECHO_PORT']) await load(Number(process.env['ECHO_PORT']))
else await serve()

async function serve(): Promise<void> {
  const world = { ...nodeWorld(), log: silentLog }
  const template = encodeCommand({ code: 0, language: 'JAVA', version: 513, opaque: 1234567, flag: 1, extFields: {} })
  const opaqueAt = template.indexOf('1234567')
  let served = 0
  const server = new RemotingServer(world, {
    host: '127.0.0.1',
    port: 0,
    requests: { echo },
    handlers: {
      echo() {
        served++
        return {}
      },
    },
    services: {},
    hot:
      mode === 'hot'
        ? {
            [echo.code](frame: Frame, connection: ServerConnection) {
              served++
              // The opaque is always seven digits here, so that an answer is a copy and a patch.
              const at = frame.buffer.indexOf('"opaque":', frame.headerStart, 'latin1') + 9
              const { outbox } = connection
              const to = outbox.reserve(template.length)
              template.copy(outbox.slab, to)
              frame.buffer.copy(outbox.slab, to + opaqueAt, at, at + 7)
              outbox.commit(template.length)
              connection.touch()
              connection.done(frameBytes(frame))
            },
          }
        : {},
  })
  const { port } = await server.start()
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    env: { ...process.env, ECHO_PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await new Promise(resolve => setTimeout(resolve, 1000))
  const before = { served, cpu: process.cpuUsage(), ms: performance.now() }
  await new Promise(resolve => child.once('exit', resolve))
  const { user, system } = process.cpuUsage(before.cpu)
  const count = served - before.served
  const elapsedMs = performance.now() - before.ms
  console.log(
    `${mode}: ${connections} connections × ${pipelined} pipelined: ${Math.round((count / elapsedMs) * 1000)} requests/s, ` +
      `${((user + system) / count).toFixed(2)} µs of server CPU each (${(user / count).toFixed(2)} user)`,
  )
  await server.close()
}

/** Answers are only counted: each has the same length. */
async function load(port: number): Promise<void> {
  const { network } = nodeWorld()
  const requests = Array.from({ length: 512 }, (_, i) =>
    encodeCommand({
      code: 310,
      language: 'JAVA',
      version: 513,
      opaque: 1_000_000 + i,
      flag: 0,
      extFields: { topic: 'TopicTest', queueId: '3' },
      body: Buffer.alloc(100, 'x'),
    }),
  )
  const answerBytes = encodeCommand({
    code: 0,
    language: 'JAVA',
    version: 513,
    opaque: 1234567,
    flag: 1,
    extFields: {},
  }).length
  let running = true
  for (let i = 0; i < Number(connections); i++) {
    const connection = await network.connect({ host: '127.0.0.1', port, timeoutMs: 1000 })
    let spare = 0
    let next = 0
    const ask = (count: number) => {
      const batch: Uint8Array[] = []
      for (; count > 0; count--) batch.push(requests[next++ % 512]!)
      connection.write([Buffer.concat(batch)])
    }
    connection.onData = chunk => {
      spare += chunk.length
      const answered = Math.floor(spare / answerBytes)
      spare -= answered * answerBytes
      if (running && answered > 0) ask(answered)
    }
    connection.onClose = () => {}
    ask(Number(pipelined))
  }
  await new Promise(resolve => setTimeout(resolve, Number(seconds) * 1000))
  running = false
  process.exit(0)
}
