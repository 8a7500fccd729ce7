import { expect, test } from '@jest/globals'
import { expectDiskError } from '../contract/disk.ts'
import { Ear, expectNetworkError } from '../contract/network.ts'
import type { DiskFile } from '../disk.ts'
import { everySeed, SECTOR_BYTES, SimRandom, type Simulation, simulation } from './index.ts'

const file = 'world/src/sim/simulation.test.ts'
const bytes = (text: string) => Buffer.from(text)

/** A busy run: two hosts, files, connections, a crash and a power cut. */
async function busy(sim: Simulation): Promise<void> {
  const { near } = await connected(sim)
  const disk = sim.host('a').world.disk
  await disk.makeDirectory('/d')
  for (let i = 0; i < 5; i++) {
    const f = await disk.open(`/d/${i}`, 'create')
    await f.write([sim.host('a').world.random.bytes(3000)], i * 100)
    if (sim.random.chance(0.5)) await f.sync()
    near.connection.write([Buffer.alloc(sim.random.int(200_000), i)])
  }
  await sim.sleep(5)
  sim.host('b').crash()
  await near.closed()
  sim.host('a').powerCut()
  const after = sim.host('a').restart()
  for (const { name } of await after.disk.list('/').catch(() => [])) await after.disk.stat(`/${name}`)
}

async function connected(sim: Simulation) {
  const ears: Ear[] = []
  const listener = await sim.host('b').world.network.listen({
    host: '0.0.0.0',
    port: 10_911,
    onConnection: connection => void ears.push(new Ear(connection)),
  })
  const connect = async () => {
    const options = { host: 'b', port: 10_911, timeoutMs: 3000 }
    return new Ear(await sim.host('a').world.network.connect(options))
  }
  const near = await connect()
  return { near, far: ears[0]!, ears, listener, connect }
}

test('a run is a pure function of its seed', async () => {
  const run = async (seed: number) => {
    const sim = simulation(seed)
    await sim.run(() => busy(sim))
    return [sim.traceHash, sim.nowMs, sim.scheduler.events].join(' ')
  }
  const traces = new Set<string>()
  for (let seed = 0; seed < 20; seed++) {
    const trace = await run(seed)
    expect(await run(seed)).toBe(trace)
    traces.add(trace)
  }
  expect(traces.size).toBe(20)
})

test('a failure names its seed and the command to repeat it', async () => {
  const failing = everySeed(
    10,
    async (_world, sim) => {
      if (sim.seed === 3) throw new Error('three is bad')
    },
    { file },
  )
  await expect(failing).rejects.toThrow(
    /^seed 3 failed .*SEED=3 node tools\/jest.ts world\/src\/sim\/simul.*\nthree is bad$/,
  )
})

test('a run that can never end says so, also one that never rests', async () => {
  const stuck = simulation(1)
  await expect(stuck.run(() => new Promise(() => {}))).rejects.toThrow('nothing is left to happen')
  const idle = simulation(1)
  const beat = () => void idle.host('a').world.clock.setInterval(() => {}, 1000)
  const waiting = idle.run(
    () => {
      beat()
      return new Promise(() => {})
    },
    { maxVirtualMs: 10_000 },
  )
  await expect(waiting).rejects.toThrow('still waits after 10000 ms')
})

test('the same numbers every time, evenly spread', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, new SimRandom(seed).next.bind(new SimRandom(seed)))
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect(draw(7)).not.toEqual(draw(7 + 2 ** 40))
  const random = new SimRandom(1)
  const counts = Array(10).fill(0)
  for (let i = 0; i < 10_000; i++) counts[random.int(10)]++
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
})

test('clocks drift and jump, timers are never early by their own clock', () =>
  everySeed(
    20,
    async (_world, sim) => {
      const { clock } = sim.host('fast', { clockDriftPpm: 10_000, clockOffsetMs: 5000, zoneMinutes: 60 }).world
      const start = clock.monotonicMs()
      const wall = clock.now()
      await clock.sleep(1000)
      expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(999.999)
      expect(sim.nowMs).toBeLessThan(1000)
      sim.host('fast').jumpClock(-60_000)
      expect(clock.now()).toBeLessThan(wall)
      expect(clock.localTime(0)).toMatchObject({ year: 1970, hour: 1 })
    },
    { file },
  ))

const sector = (fill: number) => Buffer.alloc(SECTOR_BYTES, fill)

async function sectors(f: DiskFile, count: number): Promise<number[]> {
  const into = Buffer.alloc(count * SECTOR_BYTES)
  await f.read(into, 0)
  return Array.from({ length: count }, (_, i) => {
    const part = into.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES)
    expect(new Set(part).size).toBe(1) // never torn inside
    return part[0]!
  })
}

test('power cut: synced bytes stay; unsynced sectors stay or vanish, each by itself', async () => {
  const fates = new Set<string>()
  await everySeed(
    200,
    async (world, sim) => {
      const f = await world.disk.open('/f', 'create')
      await world.disk.syncDirectory('/')
      await f.write([sector(1), sector(1), sector(1), sector(1)], 0)
      await f.sync()
      await f.write([sector(2), sector(2)], 0)
      await f.write([sector(3)], 4 * SECTOR_BYTES)
      sim.host('host').powerCut()
      const again = await sim.host('host').restart().disk.open('/f', 'read')
      const size = await again.size()
      expect(size).toBeGreaterThanOrEqual(4 * SECTOR_BYTES)
      const [a, b, c, d, e] = await sectors(again, size > 4 * SECTOR_BYTES ? 5 : 4)
      expect([c, d]).toEqual([1, 1])
      expect([1, 2]).toContain(a)
      expect([1, 2]).toContain(b)
      expect([undefined, 0, 3]).toContain(e)
      fates.add(`${a}${b}${e}`)
    },
    { file },
  )
  for (const fate of ['11undefined', '223', '123', '213', '110']) expect(fates).toContain(fate)
})

test('power cut: names without syncDirectory stay or vanish, a rename is one thing', async () => {
  const fates = new Set<string>()
  await everySeed(
    100,
    async (world, sim) => {
      const { disk } = world
      const put = async (path: string, text: string) => {
        const f = await disk.open(path, 'create')
        await f.write([bytes(text)], 0)
        await f.sync()
        await f.close()
      }
      await put('/old', 'old')
      await disk.syncDirectory('/')
      await put('/new', 'new')
      await disk.rename('/new', '/old')
      sim.host('host').powerCut()
      const after = sim.host('host').restart().disk
      const names = (await after.list('/')).map(({ name }) => name)
      expect(names).toContain('old')
      fates.add(`${names} ${Buffer.from(await after.readFile('/old'))}`)
      await after.syncDirectory('/')
      sim.host('host').powerCut()
      const later = (await sim.host('host').restart().disk.list('/')).map(({ name }) => name)
      expect(later).toEqual(names)
    },
    { file },
  )
  expect(fates).toEqual(new Set(['old old', 'old new', 'new,old old']))
})

test('kill -9: what was written stays, a write under way is done in part, locks are free, old promises hang', () =>
  everySeed(
    50,
    async (world, sim) => {
      const host = sim.host('host')
      await world.disk.lock('/lock')
      const f = await world.disk.open('/f', 'create')
      await f.write([bytes('done')], 0)
      let told = false
      f.write([Buffer.alloc(1000, 1)], 4).finally(() => (told = true))
      world.clock.setTimeout(() => (told = true), 1)
      host.crash()
      await sim.sleep(1000)
      expect(told).toBe(false)
      const { disk } = host.restart()
      await (await disk.lock('/lock')).release()
      const content = Buffer.from(await disk.readFile('/f'))
      expect(content.toString('latin1', 0, 4)).toBe('done')
      expect(content.subarray(4).every(byte => byte === 1)).toBe(true)
    },
    { file },
  ))

test('a sync that fails loses its pages although the next one succeeds', () =>
  everySeed(
    50,
    async (world, sim) => {
      const host = sim.host('host')
      const f = await world.disk.open('/f', 'create')
      await world.disk.syncDirectory('/')
      await f.write([sector(1)], 0)
      await f.sync()
      await f.write([sector(2)], 0)
      host.disk.fail({ on: 'sync', path: '/f', times: 1 })
      await expectDiskError('EIO', f.sync())
      await f.sync()
      host.powerCut()
      const again = await host.restart().disk.open('/f', 'read')
      expect(await sectors(again, 1)).toEqual([1])
    },
    { file },
  ))

test('faults: by rule, by chance, a full disk, a bit that turns over', () =>
  everySeed(
    10,
    async (world, sim) => {
      const host = sim.host('small', { diskBytes: 64 * 1024 })
      const { disk } = host.world
      const f = await disk.open('/f', 'create')
      const mend = host.disk.fail({ on: ['read', 'write'], path: /f$/, code: 'EACCES' })
      await expectDiskError('EACCES', f.write([bytes('x')], 0))
      await expectDiskError('EACCES', f.read(Buffer.alloc(1), 0))
      mend()
      await f.truncate(2 ** 30) // a hole costs nothing
      await f.write([bytes('x')], 0)
      await expectDiskError('ENOSPC', f.write([Buffer.alloc(128 * 1024)], 4096))
      expect((await disk.space('/')).freeBytes).toBe(0)
      await f.close()
      await disk.remove('/f')
      expect((await disk.space('/')).freeBytes).toBe(64 * 1024)
      const g = await disk.open('/g', 'create')
      await g.write([bytes('abc')], 0)
      host.disk.flipBits('/g')
      const changed = Buffer.from(await disk.readFile('/g')).compare(bytes('abc'))
      expect(changed).not.toBe(0)
      sim.host('host').disk.fail({ on: 'write', probability: 0.5 })
      const h = await world.disk.open('/h', 'create')
      const results = await Promise.allSettled(Array.from({ length: 64 }, (_, i) => h.write([bytes('x')], i)))
      const failed = results.filter(({ status }) => status === 'rejected').length
      expect(failed).toBeGreaterThan(8)
      expect(failed).toBeLessThan(56)
    },
    { file },
  ))

test('network: partition and heal, one way too', () =>
  everySeed(
    20,
    async (_world, sim) => {
      const { near, far, connect } = await connected(sim)
      sim.network.partition('a', 'b', { oneWay: true })
      near.connection.write([bytes('lost?')])
      far.connection.write([bytes('arrives')])
      await near.heard(7)
      await sim.sleep(1000)
      expect(far.length).toBe(0)
      await expectNetworkError('timeout', connect())
      sim.network.heal()
      await far.heard(5)
      sim.network.isolate('b')
      near.connection.write([bytes('never')])
      await near.closed()
      expect(near.closings[0]).toMatchObject({ code: 'ETIMEDOUT' })
    },
    { file },
  ))

test('network: cut, silence, drop, a slow reader', () =>
  everySeed(
    20,
    async (_world, sim) => {
      const { near, far, ears, connect } = await connected(sim)
      sim.network.cut('a', 'b')
      await near.closed()
      await far.closed()
      expect([near.closings[0], far.closings[0]]).toMatchObject([{ code: 'ECONNRESET' }, { code: 'ECONNRESET' }])

      const silent = await connect()
      sim.network.silence('a', 'b')
      silent.connection.write([bytes('hello?')])
      const dropped = await connect()
      sim.network.drop('a', 'b', 5000)
      dropped.connection.write([bytes('hello?')])
      await dropped.closed()
      expect(dropped.closings[0]).toMatchObject({ code: 'ECONNRESET' })
      expect(ears.slice(1).map(ear => ear.length)).toEqual([0, 0])

      const slow = await connect()
      sim.network.slow('b', 1_000_000)
      const start = sim.nowMs
      slow.connection.write([Buffer.alloc(2_000_000)])
      await ears[3]!.heard(2_000_000)
      expect(sim.nowMs - start).toBeGreaterThan(1800)
    },
    { file },
  ))

test('network: a crashed process resets and refuses, a machine without power is silent', () =>
  everySeed(
    20,
    async (_world, sim) => {
      const { near, connect } = await connected(sim)
      sim.host('b').crash()
      await near.closed()
      expect(near.closings[0]).toMatchObject({ code: 'ECONNRESET' })
      await expectNetworkError('refused', connect())
      sim.host('b').powerCut()
      await expectNetworkError('timeout', connect())
      sim.host('b').restart()
      await expectNetworkError('refused', connect())

      const { near: second } = await connected(sim)
      sim.host('b').powerCut()
      await sim.sleep(10_000)
      expect(second.closings).toEqual([])
      sim.host('b').restart()
      second.connection.write([bytes('who is there')])
      await second.closed()
      expect(second.closings[0]).toMatchObject({ code: 'ECONNRESET' })
    },
    { file },
  ))

test('a connection that is reset before its client has it is closed for the client, too', async () => {
  let resets = 0
  for (let seed = 0; seed < 40; seed++) {
    const sim = simulation(seed)
    await sim.run(async () => {
      const server = sim.host('server')
      await server.world.network.listen({
        host: '0.0.0.0',
        port: 1,
        onConnection: () => void sim.sleep(sim.random.between(0, 0.5)).then(() => server.crash()),
      })
      const connection = await sim.host('client').world.network.connect({ host: 'server', port: 1, timeoutMs: 1000 })
      await new Promise<void>(resolve => {
        connection.onClose = () => resolve()
      })
      resets++
    })
  }
  expect(resets).toBe(40)
})
