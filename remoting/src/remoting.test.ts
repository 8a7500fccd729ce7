import { Buffer } from 'node:buffer'
import { afterEach, describe, expect, test } from '@jest/globals'
import {
  bytesBody,
  decodeCommand,
  encodeCommand,
  FrameDecoder,
  frameBytes,
  type RemotingCommand,
  ResponseError,
  request,
} from '@rocketcluster/protocol'
import { RemotingClient, type RemotingClientOptions } from './client.ts'
import type { Handlers } from './handlers.ts'
import { RemotingServer, type RemotingServerOptions, type ServerConnection } from './server.ts'
import { PipeNetwork, type PipeOptions } from './testing/pipe-network.ts'
import { ask, echo, fail, hot, list, note, testRequests, wait } from './testing/requests.ts'
import { MemoryLog, testWorld } from './testing/worlds.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Services {
  notes: string[]
}

const handlers: Handlers<typeof testRequests, Services, ServerConnection> = {
  echo: ({ text, times }, { body }) => ({ text: text.repeat(times), length: body.length, body: [body] }),
  wait: ({ ms }) => new Promise(resolve => setTimeout(() => resolve({ ms }), ms)),
  fail: ({ how }) => {
    if (how === 'refuse') throw new ResponseError('TOPIC_NOT_EXIST', 'no such topic')
    if (how === 'not found') return { status: 'QUERY_NOT_FOUND', remark: 'never committed' }
    if (how === 'lie') return {} as never
    throw new TypeError('a bug')
  },
  note: ({ text }, { notes }) => void notes.push(text),
  ask: async (_, { connection }) => {
    const { answer, body } = await connection.invoke(ask, { question: 'who?' })
    return { answer: `${answer}, said the client`, body: `${body}!` }
  },
  hot: () => ({}),
}

async function start(
  options: Partial<RemotingServerOptions<any, any>> & { pipe?: PipeOptions; client?: RemotingClientOptions } = {},
) {
  const log = new MemoryLog()
  const world = testWorld(new PipeNetwork(options.pipe), log)
  const notes: string[] = []
  const server = new RemotingServer(world, {
    host: '127.0.0.1',
    port: 0,
    requests: testRequests,
    handlers: handlers as any,
    services: { notes },
    ...options,
  })
  const { port } = await server.start()
  const client = new RemotingClient(world, options.client)
  closers.push(
    () => server.close(),
    () => client.close(),
  )
  return { address: `127.0.0.1:${port}`, server, client, notes, log, world }
}

test('an answer carries header fields, body and ext back to its caller', async () => {
  const { client, address } = await start()
  const reply = await client.invoke(address, echo, { text: 'ab', times: 2 }, { body: Buffer.from('hello') })
  expect(reply).toMatchObject({ status: 'SUCCESS', text: 'abab', length: 5 })
  expect(reply.body?.toString()).toBe('hello')
})

test('many answers out of order find their callers', async () => {
  const { client, address } = await start()
  const all = Array.from({ length: 50 }, (_, i) => client.invoke(address, wait, { ms: (i * 37) % 50 }))
  const replies = await Promise.all(all)
  expect(replies.map(({ ms }) => ms)).toEqual(Array.from({ length: 50 }, (_, i) => (i * 37) % 50))
  expect(client.addresses).toEqual([address])
})

test('a refusal is thrown again on the other side, a listed one is an answer', async () => {
  const { client, address, log } = await start()
  await expect(client.invoke(address, fail, { how: 'refuse' })).rejects.toMatchObject({
    name: 'ResponseError',
    status: 'TOPIC_NOT_EXIST',
    message: 'no such topic',
  })
  expect(await client.invoke(address, fail, { how: 'not found' })).toMatchObject({
    status: 'QUERY_NOT_FOUND',
    remark: 'never committed',
  })
  expect(log.lines).toEqual([])
  await expect(client.invoke(address, fail, { how: 'crash' })).rejects.toMatchObject({
    status: 'SYSTEM_ERROR',
    message: 'TypeError: a bug',
  })
  await expect(client.invoke(address, fail, { how: 'lie' })).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
  expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error'])
})

test('the server asks the client over the same connection', async () => {
  const { client, address } = await start()
  client.handle(ask, ({ question }) => ({ answer: `you asked ${question}`, body: 'me' }))
  expect(await client.invoke(address, ask, { question: '' })).toMatchObject({
    answer: 'you asked who?, said the client',
    body: 'me!',
  })
})

test('one-way requests arrive and get no answer', async () => {
  const { client, address, notes, server } = await start()
  await client.invokeOneWay(address, note, { text: 'a' })
  await client.invokeOneWay(address, fail, { how: 'crash' })
  await client.invoke(address, echo, { text: 'b' })
  expect(notes).toEqual(['a'])
  expect([...server.connections].map(({ inFlight }) => inFlight)).toEqual([0])
})

async function eventually(check: () => void): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      check()
      return
    } catch (error) {
      if (tries > 200) throw error
      await new Promise(resolve => setTimeout(resolve, 5))
    }
}

describe('when the other side fails', () => {
  test('an answer that does not come is a timeout, and one that comes late is ignored', async () => {
    const { client, address } = await start()
    const startMs = performance.now()
    await expect(client.invoke(address, wait, { ms: 150 }, { timeoutMs: 60 })).rejects.toMatchObject({
      kind: 'timeout',
      sent: true,
    })
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(60)
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(await client.invoke(address, wait, { ms: 1 })).toMatchObject({ ms: 1 })
    expect(client.connection(address)?.outstanding).toBe(0)
  })

  test('a server that closes amid a request fails it as closed and sent', async () => {
    const { client, address, server } = await start()
    const call = client.invoke(address, wait, { ms: 1000 })
    await eventually(() => expect(server.connections.size).toBe(1))
    await eventually(() => expect([...server.connections][0]!.inFlight).toBe(1))
    const seen: string[] = []
    client.onClose(closed => seen.push(closed))
    for (const connection of server.connections) connection.destroy()
    await expect(call).rejects.toMatchObject({ name: 'TransportError', kind: 'closed', sent: true })
    expect(seen).toEqual([address])
    expect(await client.invoke(address, echo, { text: 'anew' })).toMatchObject({ text: 'anew' })
  })

  test('nobody there is refused, and not sent', async () => {
    const { client } = await start()
    await expect(client.invoke('127.0.0.1:9', echo, { text: '' })).rejects.toMatchObject({
      kind: 'refused',
      sent: false,
    })
    await expect(client.invoke('nonsense', echo, { text: '' })).rejects.toMatchObject({
      kind: 'unreachable',
      message: 'address "nonsense" is not host:port with a port from 1 to 65535',
    })
  })

  test('a call can be aborted', async () => {
    const { client, address } = await start()
    const controller = new AbortController()
    const call = client.invoke(address, wait, { ms: 1000 }, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 10)
    await expect(call).rejects.toThrow('enough')
    await expect(client.invoke(address, wait, { ms: 1 }, { signal: controller.signal })).rejects.toThrow('enough')
    expect(client.connection(address)?.outstanding).toBe(0)
  })

  test('a header value that is missing is told before anything is sent', async () => {
    const { client, address } = await start()
    await expect(client.invoke(address, echo, {})).rejects.toMatchObject({ name: 'FieldError', field: 'text' })
    await expect(client.invoke(address, wait, { ms: 1 }, { body: 'text' as never })).rejects.toMatchObject({
      name: 'FieldError',
      field: 'body',
    })
    expect(client.connection(address)?.outstanding).toBe(0)
  })

  test('more than maxOutstanding is refused as busy', async () => {
    const { client, address } = await start({ client: { limits: { maxOutstanding: 2 } } })
    await client.connect(address)
    const calls = [1, 2, 3].map(ms => client.invoke(address, wait, { ms }))
    await expect(calls[2]).rejects.toMatchObject({ kind: 'busy', sent: false })
    expect(await Promise.all(calls.slice(0, 2))).toHaveLength(2)
  })

  test('closing the client fails what waits', async () => {
    const { client, address } = await start()
    const call = client.invoke(address, wait, { ms: 500 })
    const outcome = expect(call).rejects.toMatchObject({ kind: 'closed' })
    await eventually(() => expect(client.addresses).toEqual([address]))
    await client.close()
    await outcome
    await expect(client.invoke(address, wait, { ms: 1 })).rejects.toMatchObject({ kind: 'closed', sent: false })
  })
})

/** A peer that speaks in bytes. */
async function raw({ world, address }: Awaited<ReturnType<typeof start>>) {
  const connection = await world.network.connect({
    host: '127.0.0.1',
    port: Number(address.split(':')[1]),
    timeoutMs: 1000,
  })
  const decoder = new FrameDecoder()
  const answers: RemotingCommand[] = []
  let closed = false
  connection.onData = chunk => {
    decoder.push(chunk)
    for (let frame = decoder.next(); frame; frame = decoder.next()) answers.push(decodeCommand(frame))
  }
  connection.onClose = () => (closed = true)
  return { connection, answers, closed: () => closed }
}

const command = (
  code: number,
  opaque: number,
  extFields: Record<string, string> = {},
  more: Partial<RemotingCommand> = {},
) => encodeCommand({ code, language: 'JAVA', version: 513, opaque, flag: 0, extFields, ...more })

describe('bad input', () => {
  test('unknown codes and bad fields get answers', async () => {
    const started = await start()
    const { connection, answers, closed } = await raw(started)
    connection.write([command(4711, 1), command(echo.code, 2, { text: 'a', times: 'many' }), command(echo.code, 3)])
    await eventually(() => expect(answers).toHaveLength(3))
    expect(answers.map(({ code, remark, opaque }) => ({ code, remark, opaque }))).toEqual([
      { opaque: 1, code: 3, remark: ' request type 4711 not supported' },
      { opaque: 2, code: 1, remark: 'field times: "many" is not an integer from -2147483648 to 2147483647' },
      { opaque: 3, code: 1, remark: 'field text: is required and was not sent' },
    ])
    expect(closed()).toBe(false)
    expect(started.log.lines).toEqual([])
  })

  test.each([
    ['negative length', [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], /length -1/],
    ['zero length', [0, 0, 0, 0, 0, 0, 0, 0], /length 0/],
    ['oversize', [0x7f, 0, 0, 0, 0, 0, 0, 0], /length 2130706432/],
    ['header longer than frame', [0, 0, 0, 8, 0, 0, 0, 9, 1, 1, 1, 1], /header length 9/],
    ['unknown serialize type', [0, 0, 0, 8, 7, 0, 0, 4, 1, 1, 1, 1], /serialize type 7/],
    ['header that is no JSON', [0, 0, 0, 8, 0, 0, 0, 4, 1, 1, 1, 1], /JSON/],
  ])('%s closes only that connection and says why', async (_, bytes, why) => {
    const started = await start()
    const good = await raw(started)
    const bad = await raw(started)
    bad.connection.write([command(echo.code, 1, { text: 'before' }), Buffer.from(bytes)])
    await eventually(() => expect(bad.closed()).toBe(true))
    expect(started.log.lines).toHaveLength(1)
    expect(started.log.lines[0]).toMatchObject({ level: 'warn', fields: { error: expect.stringMatching(why) } })
    good.connection.write([command(echo.code, 2, { text: 'still here' })])
    await eventually(() => expect(good.answers).toHaveLength(1))
    expect(good.closed()).toBe(false)
  })

  test('answers that nobody asked for are ignored', async () => {
    const started = await start()
    const { connection, answers } = await raw(started)
    connection.write([
      command(0, 5, {}, { flag: 1 }),
      command(hot.code, 5, {}, { flag: 1 }),
      command(echo.code, 6, { text: 'a' }),
    ])
    await eventually(() => expect(answers.map(({ opaque }) => opaque)).toEqual([6]))
  })

  test('a one-way request of any kind gets no answer', async () => {
    const started = await start()
    const { connection, answers } = await raw(started)
    connection.write([
      command(4711, 1, {}, { flag: 2 }),
      command(echo.code, 2, {}, { flag: 2 }),
      command(echo.code, 3, { text: 'a' }),
    ])
    await eventually(() => expect(answers.map(({ opaque }) => opaque)).toEqual([3]))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(answers).toHaveLength(1)
  })
})

describe('limits', () => {
  test('a peer that never reads is not read from, and is closed at the hard limit', async () => {
    const body = Buffer.alloc(100_000)
    const limits = { highWaterBytes: 300_000, hardLimitBytes: 2_000_000 }
    const started = await start({ limits })
    const { connection, closed } = await raw(started)
    connection.pause()
    let most = 0
    for (let i = 0; i < 50; i++) {
      connection.write([command(echo.code, i, { text: '' }, { body })])
      await new Promise(resolve => setImmediate(resolve))
      for (const { pendingBytes } of started.server.connections) most = Math.max(most, pendingBytes)
    }
    expect(most).toBeLessThan(limits.highWaterBytes + 2 * 110_000)
    expect(closed()).toBe(false)
    // What we send unasked is not held back by reading less; the hard limit is.
    const [served] = started.server.connections
    for (let i = 0; i < 30; i++) served!.send([body])
    await eventually(() => expect(closed()).toBe(true))
    expect(started.log.lines).toMatchObject([
      { level: 'warn', message: 'connection closed: the peer does not read what it is sent' },
    ])
  })

  test('a peer that reads again gets everything', async () => {
    const started = await start({ limits: { highWaterBytes: 300_000 } })
    const { connection, answers } = await raw(started)
    connection.pause()
    const body = Buffer.alloc(100_000, 'x')
    for (let i = 0; i < 50; i++) connection.write([command(echo.code, i, { text: '' }, { body })])
    await new Promise(resolve => setTimeout(resolve, 30))
    connection.resume()
    await eventually(() => expect(answers.map(({ opaque }) => opaque)).toEqual(Array.from({ length: 50 }, (_, i) => i)))
  })

  test('a flood of requests is read as fast as it is served', async () => {
    const started = await start({ maxInFlightPerConnection: 10 })
    const { connection, answers } = await raw(started)
    connection.write(Array.from({ length: 200 }, (_, i) => command(wait.code, i, { ms: '1' })))
    let most = 0
    await eventually(() => {
      for (const { inFlight } of started.server.connections) most = Math.max(most, inFlight)
      expect(answers).toHaveLength(200)
    })
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(10)
  })

  test('the bytes of requests in flight are bounded too', async () => {
    const started = await start({ limits: { maxInFlightBytes: 50_000 } })
    const { connection, answers } = await raw(started)
    const body = Buffer.alloc(10_000)
    connection.write(Array.from({ length: 40 }, (_, i) => command(wait.code, i, { ms: '1' }, { body })))
    let most = 0
    await eventually(() => {
      for (const { inFlight } of started.server.connections) most = Math.max(most, inFlight)
      expect(answers).toHaveLength(40)
    })
    expect(most).toBeLessThanOrEqual(5)
  })

  test('idle connections are closed by one sweep, busy ones are not', async () => {
    const started = await start({ idleTimeoutMs: 80 })
    const idle = await raw(started)
    const busy = await raw(started)
    const until = performance.now() + 200
    while (performance.now() < until) {
      busy.connection.write([command(echo.code, 1, { text: '' })])
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    expect([idle.closed(), busy.closed()]).toEqual([true, false])
    expect(started.log.lines).toMatchObject([{ message: 'connection closed: idle' }])
  })

  test('no more than maxConnections', async () => {
    const started = await start({ maxConnections: 2, idleTimeoutMs: 400 })
    const peers = [await raw(started), await raw(started), await raw(started)]
    await eventually(() => expect(peers.map(({ closed }) => closed())).toEqual([false, false, true]))
    await eventually(() =>
      expect(started.log.lines[0]).toMatchObject({ level: 'warn', fields: { refused: 1, maxConnections: 2 } }),
    )
  })
})

describe('hot handlers', () => {
  test('they get the frame and answer through the connection; all they throw is answered', async () => {
    let mode = 'answer'
    const started = await start({
      hot: {
        [hot.code](frame, connection) {
          if (mode === 'throw') throw new ResponseError('SYSTEM_BUSY', 'not now')
          const { opaque, body } = decodeCommand(frame)
          connection.answer({ code: 0, opaque, remark: undefined, ext: undefined }, body && [body])
          connection.done(frameBytes(frame))
        },
      },
    })
    const { client, address, server } = started
    expect((await client.invoke(address, hot, { text: 'x' }, { body: Buffer.from('body') })).body?.toString()).toBe(
      'body',
    )
    mode = 'throw'
    await expect(client.invoke(address, hot, { text: 'x' })).rejects.toMatchObject({
      status: 'SYSTEM_BUSY',
      message: 'not now',
    })
    expect([...server.connections][0]!.inFlight).toBe(0)
  })

  test('an excluded code is not served, hot or not', async () => {
    const { client, address } = await start({ excludeCodes: [hot.code, echo.code], hot: { [hot.code]: () => {} } })
    for (const excluded of [hot, echo])
      await expect(client.invoke(address, excluded, { text: '' })).rejects.toMatchObject({
        status: 'REQUEST_CODE_NOT_SUPPORTED',
      })
  })
})

test('memory of a body is given back once, when it was taken or the peer is gone', async () => {
  let given = 0
  const big = request({ code: 7100, replyBody: bytesBody })
  const started = await start({
    requests: { big },
    handlers: { big: () => ({ body: [Buffer.alloc(200_000)], written: () => given++ }) },
  })
  const { client, address } = started
  await client.invoke(address, big, {})
  await eventually(() => expect(given).toBe(1))
  const stuck = await raw(started)
  stuck.connection.pause()
  stuck.connection.write([command(big.code, 1), command(big.code, 2)])
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(given).toBe(1)
  stuck.connection.destroy()
  await eventually(() => expect(given).toBe(3))
})

describe('leaving', () => {
  test('GO_AWAY makes the client ask again over a new connection', async () => {
    const { client, address, server } = await start()
    await client.invoke(address, echo, { text: 'a' })
    const first = client.connection(address)
    server.goAway()
    const call = client.invoke(address, echo, { text: 'b' })
    await expect(call).rejects.toMatchObject({ status: 'GO_AWAY' })
    server.stay()
    expect(await client.invoke(address, echo, { text: 'c' })).toMatchObject({ text: 'c' })
    expect(client.connection(address)).not.toBe(first)
    await eventually(() => expect(server.connections.size).toBe(1))
  })

  test('a client too old for GO_AWAY is served to the end', async () => {
    const { client, address, server } = await start({ client: { version: 401 } })
    await client.invoke(address, echo, { text: 'a' })
    const call = client.invoke(address, wait, { ms: 50 })
    await eventually(() => expect([...server.connections][0]!.inFlight).toBe(1))
    const startMs = performance.now()
    const closed = server.close({ graceMs: 5000 })
    expect(await call).toMatchObject({ ms: 50 })
    await closed
    expect(performance.now() - startMs).toBeLessThan(1000)
    await expect(client.invoke(address, echo, { text: 'b' })).rejects.toMatchObject({ kind: 'refused' })
  })
})

test('one connection is shared by all who ask at once', async () => {
  const { client, address, server } = await start()
  await Promise.all(Array.from({ length: 20 }, (_, i) => client.invoke(address, echo, { text: `${i}` })))
  expect(server.connections.size).toBe(1)
})

test('hooks see the header and may add to it', async () => {
  const seen: unknown[] = []
  const { client, address } = await start({
    requests: { ask },
    handlers: { ask: (_: unknown, { ext }: { ext: Record<string, string> }) => ({ answer: ext['Signature'] }) },
    client: {
      hooks: {
        onOutgoing({ address: to, code, ext }) {
          seen.push({ to, code, ...ext })
          ext['Signature'] = 'mine'
        },
      },
    },
  })
  expect(await client.invoke(address, ask, { question: 'q' }, { ext: { more: '1' } })).toMatchObject({ answer: 'mine' })
  expect(seen).toEqual([{ to: address, code: ask.code, question: 'q', more: '1' }])
})

test('onRequest tells code, status and latency', async () => {
  const records: any[] = []
  const { client, address } = await start({ onRequest: record => records.push(record) })
  await client.invoke(address, wait, { ms: 20 })
  await client.invokeOneWay(address, note, { text: '' })
  await client.invoke(address, fail, { how: 'refuse' }).catch(() => {})
  expect(records).toMatchObject([
    { code: wait.code, status: 0, oneWay: false },
    { code: note.code, status: -1, oneWay: true },
    { code: fail.code, status: 17, oneWay: false },
  ])
  expect(records[0].latencyMs).toBeGreaterThanOrEqual(19)
})

test('a code of more than 16 bits travels whatever form of header is set, and an empty list is a body', async () => {
  const { client, address } = await start({
    serializeType: 'ROCKETMQ',
    requests: { list },
    handlers: { list: ({ count }: any) => ({ body: Array.from({ length: count }, (_, i) => `n${i}`) }) },
    client: { serializeType: 'ROCKETMQ' },
  })
  expect((await client.invoke(address, list, { count: 2 })).body).toEqual(['n0', 'n1'])
  expect((await client.invoke(address, list, { count: 0 })).body).toEqual([])
})

test('an answer that cannot be encoded is an error to the caller, and gives its memory back once', async () => {
  let given = 0
  const { client, address, log } = await start({
    serializeType: 'ROCKETMQ',
    requests: { wait },
    handlers: {
      wait: async ({ ms }: any) => {
        await undefined
        return { ms, ext: { ['x'.repeat(40_000)]: '1' }, written: () => given++ }
      },
    },
  })
  await expect(client.invoke(address, wait, { ms: 1 })).rejects.toMatchObject({
    status: 'SYSTEM_ERROR',
    message: expect.stringMatching(/the answer cannot be encoded/),
  })
  expect(given).toBe(1)
  expect(log.lines).toMatchObject([{ level: 'error' }])
})

describe('a server that holds', () => {
  test('what is asked waits unread, also over new connections, and is served when it lets go', async () => {
    const { server, client, address, world } = await start()
    await client.invoke(address, echo, { text: 'before', times: 1 }, {})
    server.hold()
    const other = new RemotingClient(world, {})
    closers.push(() => other.close())
    let answered = 0
    const waiting = [client, other].map(one =>
      one.invoke(address, echo, { text: 'x', times: 1 }, {}).then(() => answered++),
    )
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(answered).toBe(0)
    server.letGo()
    await Promise.all(waiting)
    expect(answered).toBe(2)
  })

  test('it closes all the same, without looking at what waits', async () => {
    const { server, client, address } = await start()
    await client.invoke(address, echo, { text: 'before', times: 1 }, {})
    server.hold()
    const waiting = client.invoke(address, echo, { text: 'x', times: 1 }, {})
    await server.stopListening()
    await Promise.all([server.close({ graceMs: 0 }), expect(waiting).rejects.toMatchObject({ kind: 'closed' })])
    expect(server.connections.size).toBe(0)
  })
})
