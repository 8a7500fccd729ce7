import { expect, jest, test } from '@jest/globals'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { Group, type Member } from './testing/controlled-group.ts'

/** SEEDS=1000 for a long night; FIRST_SEED begins elsewhere. */
const SEEDS = Number(process.env.SEEDS ?? 6)
jest.setTimeout(60_000 + SEEDS * 10_000)

const CONTROLLERS = ['c1', 'c2']

/** What happened in all seeds: a test in which nothing did proves nothing. */
const count = { acknowledged: 0, failed: 0, elections: 0, kills: 0, powerCuts: 0, partitions: 0, handOvers: 0 }

/** Sends all the time to whoever calls itself master, by one's own look: several may. */
function produce(sim: Simulation, group: Group) {
  let stopped = false
  const work = async () => {
    while (!stopped) {
      const masters = group.members.filter(({ broker }) => broker?.role.kind === 'master')
      const to = masters[sim.random.int(Math.max(1, masters.length))]
      if (to === undefined) await sim.sleep(50)
      else if (await group.send(to)) count.acknowledged++
      else {
        count.failed++
        await sim.sleep(20)
      }
      await sim.sleep(sim.random.int(20))
    }
  }
  const workers = [work(), work(), work()]
  return async () => {
    stopped = true
    await Promise.all(workers)
  }
}

async function trouble(sim: Simulation, group: Group, flush: string): Promise<void> {
  const { random, network } = sim
  const member = random.pick(group.members)
  const name = `b${member.id}`
  switch (random.int(8)) {
    case 0:
    case 1: {
      const master = group.members.find(({ broker }) => broker?.role.kind === 'master') ?? member
      count.kills++
      master.kill()
      await sim.sleep(random.int(4000))
      await master.restart()
      return
    }
    case 2:
      count.kills++
      member.kill()
      await sim.sleep(random.int(4000))
      await member.restart()
      return
    case 3:
      if (flush !== 'SYNC_FLUSH') return
      count.powerCuts++
      member.powerCut()
      await sim.sleep(random.int(4000))
      await member.restart(`boot-${sim.nowMs}`)
      return
    case 4: {
      count.partitions++
      const other = random.pick([
        ...group.members.filter(one => one !== member).map(({ id }) => `b${id}`),
        ...CONTROLLERS,
      ])
      network.partition(name, other, { oneWay: random.next() < 0.4 })
      return
    }
    case 5:
      count.partitions++
      network.isolate(name)
      return
    case 6:
      network.heal()
      return
    default:
      count.handOvers++
      await member.broker?.stop()
      member.kill()
      await sim.sleep(random.int(1000))
      await member.restart()
  }
}

/** Everybody is back, in sync and, when nobody sends any more, has all. */
async function settle(sim: Simulation, group: Group, quiet: boolean): Promise<Member> {
  sim.network.heal()
  const dueMs = sim.nowMs + 120_000
  for (;;) {
    const { master } = group
    const record = await group.record()
    const isWhole =
      master !== undefined &&
      record?.masterBrokerId === master.id &&
      record.syncStateSet.length === group.members.length &&
      group.members.every(
        ({ broker }) =>
          broker !== undefined &&
          (!quiet || broker.current.services.store.readableOffset === master.store.maxPhysicalOffset),
      )
    if (isWhole) return master
    if (sim.nowMs > dueMs)
      throw new Error(
        `two minutes after the last fault: ${JSON.stringify(record)}; ${group.members.map(describe).join(', ')}`,
      )
    await sim.sleep(100)
  }
}

function describe({ id, broker }: Member): string {
  if (broker === undefined) return `${id} is down`
  const { maxPhysicalOffset, durableOffset, readableOffset } = broker.current.services.store
  return `${id} ${broker.role.kind}, log ${maxPhysicalOffset}/${durableOffset}/${readableOffset}`
}

async function bytesOf({ store }: Member): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = store.minPhysicalOffset; at < store.durableOffset; ) {
    const stretch = await store.readLog(at, 1 << 20)
    parts.push(Buffer.concat(stretch.slices))
    at = stretch.end
    stretch.release()
  }
  return Buffer.concat(parts)
}

for (const flushDiskType of ['ASYNC_FLUSH', 'SYNC_FLUSH'] as const)
  test(`${flushDiskType}: in ${SEEDS} seeds of trouble nothing acknowledged is lost, and all logs end equal`, async () => {
    await everySeed(
      SEEDS,
      async (_world, sim) => {
        const group = new Group(sim, 3, { flushDiskType, flushIntervalCommitLog: 100 })
        await group.start()
        await group.masterIs()
        Object.assign(
          group.recordFaults,
          sim.random.pick([
            { fail: 0, lose: 0 },
            { fail: 0.1, lose: 0.1 },
          ]),
        )
        const stop = produce(sim, group)
        for (let round = 0; round < 8; round++) {
          await sim.sleep(sim.random.int(2500))
          await trouble(sim, group, flushDiskType)
        }
        await sim.sleep(1000)
        await settle(sim, group, false)
        await stop()
        const master = await settle(sim, group, true)
        count.elections += (await group.record())!.masterEpoch
        const [first, ...others] = await Promise.all(group.members.map(bytesOf))
        for (const other of others) expect(other.equals(first!)).toBe(true)
        const bodies = await master.bodies()
        const stored = new Set(bodies)
        expect(group.acknowledged.filter(body => !stored.has(body))).toEqual([])
        expect(bodies.length).toBe(stored.size)
        for (const [body, queueOffset] of group.offsets) expect([body, bodies[queueOffset]]).toEqual([body, body])
        for (const member of group.members) await member.broker!.stop()
      },
      { maxVirtualMs: 600_000, firstSeed: Number(process.env.FIRST_SEED ?? 0), file: import.meta.filename },
    )
    if (SEEDS > 10) process.stderr.write(`${flushDiskType} ${JSON.stringify(count)}\n`)
    expect(count.acknowledged).toBeGreaterThan(SEEDS * 20)
    expect(count.elections).toBeGreaterThan(SEEDS)
  })
