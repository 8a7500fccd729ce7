import { Buffer } from 'node:buffer'
import { expect, test } from '@jest/globals'
import {
  decodeCommand,
  encodeCommand,
  type Frame,
  FrameDecoder,
  frameBytes,
  type SerializeType,
} from '@rocketcluster/protocol'
import fc from 'fast-check'
import { RemotingClient } from './client.ts'
import { RemotingServer } from './server.ts'
import { PipeNetwork } from './testing/pipe-network.ts'
import { echo, hot } from './testing/requests.ts'
import { MemoryLog, testWorld } from './testing/worlds.ts'

/** Cuts bytes at distances that repeat from `sizes`. */
function cutter(sizes: number[]) {
  let next = 0
  return (bytes: Buffer) => {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const size = sizes[next++ % sizes.length]!
      chunks.push(bytes.subarray(at, at + size))
      at += size
    }
    return chunks
  }
}

function serve(network: PipeNetwork, serializeType: SerializeType, log: MemoryLog) {
  const world = testWorld(network, log)
  const server = new RemotingServer(world, {
    host: '127.0.0.1',
    port: 0,
    serializeType,
    requests: { echo },
    handlers: {
      echo: async ({ text, times }, { body }) => {
        for (let turns = text.length % 3; turns > 0; turns--) await undefined
        return { text: text.repeat(times), length: body.length, body: [body] }
      },
    },
    services: {},
    limits: { maxInFlight: 8, highWaterBytes: 4096 },
    hot: {
      [hot.code](frame: Frame, connection) {
        const { opaque, body, flag } = decodeCommand(frame)
        if ((flag & 2) === 0) connection.answer({ code: 0, opaque, remark: undefined, ext: undefined }, body && [body])
        connection.done(frameBytes(frame))
      },
    },
  })
  return { world, server }
}

const serializeType = fc.constantFrom<SerializeType>('JSON', 'ROCKETMQ')

test('however the bytes are cut and written, each caller gets its own answer', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 10 }),
      serializeType,
      serializeType,
      fc.array(
        fc.record({
          hot: fc.boolean(),
          text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
          times: fc.integer({ min: 1, max: 3 }),
          body: fc.uint8Array({ maxLength: 3000 }),
        }),
        { minLength: 1, maxLength: 30 },
      ),
      async (sizes, theirs, ours, requests) => {
        const log = new MemoryLog()
        const { world, server } = serve(new PipeNetwork({ cut: cutter(sizes), windowBytes: 0 }), theirs, log)
        const { port } = await server.start()
        const client = new RemotingClient(world, { serializeType: ours })
        const address = `127.0.0.1:${port}`
        const replies = await Promise.all(
          requests.map(async ({ text, times, body, ...how }) => {
            if (how.hot) return client.invoke(address, hot, { text }, { body })
            return client.invoke(address, echo, { text, times }, { body })
          }),
        )
        replies.forEach((reply, i) => {
          const { text, times, body, ...how } = requests[i]!
          if (!how.hot) expect(reply).toMatchObject({ text: text.repeat(times), length: body.length })
          expect([...(reply.body ?? [])]).toEqual([...body])
        })
        const [connection] = server.connections
        expect(connection?.inFlight).toBe(0)
        expect(log.lines).toEqual([])
        await client.close()
        await server.close()
      },
    ),
    { numRuns: 60 },
  ))

test('whatever bytes come, the server lives and serves the next connection', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          // A sound frame with some bytes changed.
          fc
            .tuple(fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), serializeType)
            .map(([changes, type]) => {
              const bytes = encodeCommand(
                {
                  code: echo.code,
                  language: 'GO',
                  version: 401,
                  opaque: 7,
                  flag: 0,
                  extFields: { text: 'abc' },
                  body: Buffer.alloc(50),
                },
                type,
              )
              for (const [at, value] of changes) bytes[at % bytes.length] = value
              return bytes
            }),
        ),
        { maxLength: 8 },
      ),
      async pieces => {
        const log = new MemoryLog()
        const { world, server } = serve(new PipeNetwork(), 'JSON', log)
        const { port } = await server.start()
        const connection = await world.network.connect({ host: '127.0.0.1', port, timeoutMs: 100 })
        const decoder = new FrameDecoder()
        connection.onData = chunk => {
          decoder.push(chunk)
          while (decoder.next()) {}
        }
        connection.write(pieces)
        const client = new RemotingClient(world)
        expect(await client.invoke(`127.0.0.1:${port}`, echo, { text: 'ok' })).toMatchObject({ text: 'ok' })
        expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
        await client.close()
        await server.close()
      },
    ),
    { numRuns: 300 },
  ))
