import { Buffer } from 'node:buffer'
import { afterEach, describe, expect, test } from '@jest/globals'
import { encodeCommand } from '@rocketcluster/protocol'
import type { TlsClientOptions, TlsMode } from '@rocketcluster/world'
import { nodeWorld, selfSignedCertificate } from '@rocketcluster/world/node'
import { RemotingClient } from './client.ts'
import { RemotingServer, type RemotingServerOptions, type ServerConnection } from './server.ts'
import { ask, echo } from './testing/requests.ts'
import { MemoryLog } from './testing/worlds.ts'

/* What only the machine's own network can show. */

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(options: Partial<RemotingServerOptions<any, any>> = {}, tls?: TlsClientOptions) {
  const log = new MemoryLog()
  const world = nodeWorld({ log })
  const server = new RemotingServer(world, {
    host: '127.0.0.1',
    port: 0,
    requests: { echo, ask },
    handlers: {
      echo: ({ text }, { body }) => ({ text, length: body.length, body: [body] }),
      ask: async (_, { connection }) => ({ answer: (await connection.invoke(ask, { question: '?' })).answer }),
    },
    services: {},
    ...options,
  })
  const { port } = await server.start()
  const client = new RemotingClient(world, { tls, connectTimeoutMs: 1000 })
  closers.push(
    () => server.close(),
    () => client.close(),
  )
  return { world, server, client, log, port, address: `127.0.0.1:${port}` }
}

async function eventually(check: () => void): Promise<void> {
  for (const until = performance.now() + 5000; ; )
    try {
      return check()
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise(resolve => setTimeout(resolve, 5))
    }
}

describe('TLS on the same port', () => {
  const mine = selfSignedCertificate()
  test.each<[TlsMode, TlsClientOptions | undefined, boolean]>([
    ['permissive', undefined, true],
    ['permissive', { trustedCertificates: mine.certificate }, true],
    ['permissive', { insecure: true }, true],
    ['permissive', {}, false],
    ['enforcing', { trustedCertificates: mine.certificate }, true],
    ['enforcing', undefined, false],
    ['disabled', undefined, true],
    ['disabled', { insecure: true }, false],
  ])('server %s, client %j', async (mode, tls, works) => {
    const { client, address, server } = await start({ tls: { mode, ...mine } }, tls)
    const call = client.invoke(address, echo, { text: 'secret' }, { body: Buffer.alloc(300_000, 'x') })
    if (!works) {
      await expect(call).rejects.toMatchObject({ name: 'TransportError' })
      return
    }
    expect((await call).length).toBe(300_000)
    expect([...server.connections].map(({ encrypted }) => encrypted)).toEqual([tls !== undefined])
    client.handle(ask, () => ({ answer: 'both ways' }))
    expect(await client.invoke(address, ask, { question: '' })).toMatchObject({ answer: 'both ways' })
  })
})

test('a slow reader costs no more than the limit, and gets everything in the end', async () => {
  const limits = { highWaterBytes: 2_000_000 }
  const { world, server, port } = await start({ limits })
  const connection = await world.network.connect({ host: '127.0.0.1', port, timeoutMs: 1000 })
  let received = 0
  connection.onData = chunk => (received += chunk.length)
  connection.onClose = () => {}
  const body = Buffer.alloc(1_000_000)
  const asking = encodeCommand({
    code: echo.code,
    language: 'JAVA',
    version: 513,
    opaque: 1,
    flag: 0,
    extFields: { text: '' },
    body,
  })
  connection.write([asking.subarray(0, 100)])
  await eventually(() => expect(server.connections.size).toBe(1))
  connection.pause()
  connection.write([asking.subarray(100)])
  for (let i = 0; i < 40; i++) connection.write([asking])
  let most = 0
  for (let i = 0; i < 50; i++) {
    const [served] = server.connections as ReadonlySet<ServerConnection>
    most = Math.max(most, served!.pendingBytes)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  expect(most).toBeGreaterThan(limits.highWaterBytes)
  expect(most).toBeLessThan(limits.highWaterBytes + 2 * body.length)
  connection.resume()
  await eventually(() => expect(received).toBeGreaterThan(41 * body.length))
  connection.destroy()
})

test('much in both directions at once does not make both ends wait for each other', async () => {
  const { client, address } = await start({ limits: { highWaterBytes: 100_000 } })
  const body = Buffer.alloc(1_000_000, 'x')
  const calls = Array.from({ length: 60 }, (_, i) =>
    client.invoke(address, echo, { text: `${i}` }, { body, timeoutMs: 20_000 }),
  )
  expect((await Promise.all(calls)).map(({ text, length }) => `${text} ${length}`)).toEqual(
    calls.map((_, i) => `${i} ${body.length}`),
  )
})

test('a port that is taken is said so; after close it is free', async () => {
  const { world, server, port } = await start()
  const second = new RemotingServer(world, { host: '127.0.0.1', port, requests: {}, handlers: {}, services: {} })
  await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await server.close()
  await second.start()
  await second.close()
})

test('a peer that vanishes mid-frame leaves nothing behind', async () => {
  const { world, server, port, log } = await start()
  const connection = await world.network.connect({ host: '127.0.0.1', port, timeoutMs: 1000 })
  connection.write([Buffer.from([0, 0, 1, 0, 0, 0, 0, 40, 123])])
  await eventually(() => expect(server.connections.size).toBe(1))
  connection.destroy()
  await eventually(() => expect(server.connections.size).toBe(0))
  expect(log.lines).toEqual([])
})
