import { expect, test } from '@jest/globals'
import { everySeed } from '@rocketcluster/world/sim'
import { RemotingClient } from './client.ts'
import { RemotingServer } from './server.ts'
import { echo, wait } from './testing/requests.ts'
import { TransportError } from './transport-error.ts'

/* The same code on virtual time: hundreds of seeds of delays, cuts and partitions, none of them in real seconds. */

const PORT = 10911

test('whatever the network does, every call ends once: with its own answer, or with an error within its time', () =>
  everySeed(
    150,
    async (world, sim) => {
      const serverHost = sim.host('server')
      const server = new RemotingServer(serverHost.world, {
        host: serverHost.address,
        port: PORT,
        requests: { echo, wait },
        handlers: {
          echo: ({ text }) => ({ text, length: 0 }),
          wait: async ({ ms }) => {
            await serverHost.world.clock.sleep(ms)
            return { ms }
          },
        },
        services: {},
      })
      await server.start()
      const client = new RemotingClient(world, { connectTimeoutMs: 500 })
      const address = `${serverHost.address}:${PORT}`
      const ends: number[] = []
      const calls: Promise<void>[] = []
      for (let i = 0; i < 60; i++) {
        const timeoutMs = 50 + world.random.int(1000)
        const startMs = world.clock.monotonicMs()
        const asked = { ms: world.random.int(800) }
        const call = world.random.int(2)
          ? client.invoke(address, wait, asked, { timeoutMs })
          : client.invoke(address, echo, { text: `${i}` }, { timeoutMs })
        calls.push(
          call
            .then(
              reply => expect('text' in reply ? reply.text : reply.ms).toBe('text' in reply ? `${i}` : asked.ms),
              error => expect(error).toBeInstanceOf(TransportError),
            )
            .then(() => {
              ends.push(i)
              // One tick of the deadlines is allowed, and the drift of the clock.
              expect(world.clock.monotonicMs() - startMs).toBeLessThanOrEqual(timeoutMs + 25)
            }),
        )
        const chance = world.random.int(20)
        if (chance === 0) sim.network.cut('host', 'server')
        if (chance === 1) sim.network.partition('host', 'server')
        if (chance === 2) sim.network.heal()
        await world.clock.sleep(world.random.int(40))
      }
      await Promise.all(calls)
      expect(ends).toHaveLength(60)
      sim.network.heal()
      await world.clock.sleep(70_000) // a connection made before the partition may need to be given up first
      expect(await client.invoke(address, echo, { text: 'after all' })).toMatchObject({ text: 'after all' })
      await client.close()
      await server.close()
    },
    { file: import.meta.filename },
  ))

test('a server that is gone without a word is given up after some time-outs; a slow one that still speaks is not', () =>
  everySeed(
    5,
    async (world, sim) => {
      const host = sim.host('server')
      const server = new RemotingServer(host.world, {
        host: host.address,
        port: PORT,
        requests: { echo, wait },
        handlers: {
          echo: ({ text }) => ({ text, length: 0 }),
          wait: ({ ms }) => host.world.clock.sleep(ms).then(() => ({ ms })),
        },
        services: {},
      })
      await server.start()
      const client = new RemotingClient(world)
      const address = `${host.address}:${PORT}`
      const connection = await client.connect(address)
      const unanswered = async (count: number) => {
        for (let i = 0; i < count; i++)
          await expect(client.invoke(address, wait, { ms: 60_000 }, { timeoutMs: 1000 })).rejects.toMatchObject({
            kind: 'timeout',
          })
      }
      for (let round = 0; round < 4; round++) {
        await unanswered(4)
        await client.invoke(address, echo, { text: 'still there' })
      }
      expect(client.connection(address)).toBe(connection)
      sim.network.partition('host', 'server')
      await unanswered(8)
      expect(client.connection(address)).not.toBe(connection)
      expect(connection.closed).toBe(true)
      await client.close()
      await server.close()
    },
    { file: import.meta.filename },
  ))

test('who asks while an idle connection is being closed gets a new one', () =>
  everySeed(
    5,
    async (world, sim) => {
      const host = sim.host('server')
      const server = new RemotingServer(host.world, {
        host: host.address,
        port: PORT,
        requests: { echo },
        handlers: { echo: ({ text }) => ({ text, length: 0 }) },
        services: {},
      })
      await server.start()
      const client = new RemotingClient(world, { idleTimeoutMs: 1000 })
      const address = `${host.address}:${PORT}`
      await client.invoke(address, echo, { text: 'first' })
      sim.network.partition('host', 'server')
      await world.clock.sleep(1300)
      sim.network.heal()
      expect(await client.invoke(address, echo, { text: 'second' })).toMatchObject({ text: 'second' })
      await client.close()
      await server.close()
    },
    { file: import.meta.filename },
  ))
