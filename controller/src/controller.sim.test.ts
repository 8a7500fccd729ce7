import { expect, test } from '@jest/globals'
import { everySeed, type Simulation } from '@rocketcluster/world/sim'
import { masterOf } from './state/index.ts'
import { GROUP, SimGroup } from './testing/sim-group.ts'

/** SEEDS=1000 runs as many; a handful otherwise. */
const SEEDS = Number(process.env.SEEDS ?? 4)
const options = { file: import.meta.filename, maxVirtualMs: 600_000 }

async function until(sim: Simulation, what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = sim.nowMs + timeoutMs
  while (!(await holds())) {
    if (sim.nowMs > end) throw new Error(`${what} did not happen within ${timeoutMs} ms`)
    await sim.sleep(100)
  }
}

/** All members in sync under one master, and it acknowledges. */
async function settled(sim: Simulation, group: SimGroup): Promise<void> {
  await until(sim, 'a group with all members in sync', async () => {
    const record = await group.record()
    const master = record && masterOf(record)
    if (!master || record.syncStateSet.length < group.members.length) return false
    return group.members[master.brokerId - 1]!.process?.acting === record.masterEpoch
  })
  const before = group.acknowledged.size
  await until(sim, 'an acknowledged write', async () => group.acknowledged.size > before + 3)
}

test('crashes, partitions, lost answers, conflicts, dead controllers: one master per epoch, in-sync members only, and it settles', async () => {
  const total = { elections: 0, changes: 0, lostAnswers: 0, conflicts: 0, wipes: 0, deletions: 0 }
  await everySeed(
    SEEDS,
    async (_, sim) => {
      const group = new SimGroup(sim, 3, 3)
      const { random, network } = sim
      await group.start()
      await settled(sim, group)
      const hosts = [...group.controllers, ...group.members.map(({ host }) => host)].map(({ name }) => name)
      const anyHost = () => hosts[random.int(hosts.length)]!
      let mayWipe = true
      let mayDelete = random.int(4) === 0
      Object.assign(group.faults, { lose: random.next() * 0.3, fail: random.next() * 0.2 })
      for (let fault = 0; fault < 12; fault++) {
        switch (random.int(8)) {
          case 0:
          case 1: {
            const member = group.members[random.int(group.members.length)]!
            member.crash()
            await sim.sleep(random.int(6000))
            // One disk at a time, and only while another member in sync is there to have it all.
            const others = (await group.record())?.syncStateSet.filter(id => id !== member.id) ?? []
            if (mayWipe && others.length > 0 && random.int(3) === 0) {
              mayWipe = false
              total.wipes++
              member.wipe()
            }
            member.restart()
            break
          }
          case 2: {
            const host = group.controllers[random.int(group.controllers.length)]!
            host.crash()
            await sim.sleep(random.int(5000))
            host.restart()
            await group.startController(host)
            break
          }
          case 3:
            network.isolate(anyHost())
            break
          case 4:
          case 5: {
            const [a, b] = [anyHost(), anyHost()]
            if (a !== b) network.partition(a, b, { oneWay: random.int(2) === 0 })
            break
          }
          case 6:
            network.heal()
            break
          case 7:
            if (mayDelete) {
              mayDelete = false
              total.deletions++
              await group.deleteRecord()
            }
            break
        }
        await sim.sleep(random.int(5000))
        expect(group.broken).toEqual([])
      }
      network.heal()
      Object.assign(group.faults, { lose: 0, fail: 0 })
      await settled(sim, group)
      // A proposal whose fate a member did not know may still be settled; then nothing changes when nothing is wrong.
      await sim.sleep(8000)
      const record = await group.record()
      await sim.sleep(20_000)
      expect((await group.record())!.masterEpoch).toBe(record!.masterEpoch)
      expect((await group.record())!.syncStateSetEpoch).toBe(record!.syncStateSetEpoch)
      expect(group.broken).toEqual([])
      for (const key of ['elections', 'changes', 'lostAnswers', 'conflicts'] as const) total[key] += group.counts[key]
    },
    options,
  )
  if (SEEDS >= 100) {
    process.stdout.write(`${SEEDS} seeds: ${JSON.stringify(total)}\n`)
    expect(Object.entries(total).filter(([, count]) => count === 0)).toEqual([])
  }
  if (process.env.SEED === undefined) expect(total.elections).toBeGreaterThan(SEEDS)
}, 3_600_000)

test('bad links between controllers and members elect nobody, as long as the members hear their master', async () => {
  await everySeed(
    SEEDS,
    async (_, sim) => {
      const group = new SimGroup(sim, 2, 3)
      const { random, network } = sim
      await group.start()
      await settled(sim, group)
      const epoch = (await group.record())!.masterEpoch
      for (let fault = 0; fault < 10; fault++) {
        const controller = group.controllers[random.int(2)]!.name
        const member = group.members[random.int(3)]!.host.name
        if (random.int(3) === 0) network.heal()
        else if (random.int(4) === 0) network.isolate(controller)
        else network.partition(controller, member, { oneWay: random.int(2) === 0 })
        await sim.sleep(random.int(8000))
      }
      network.heal()
      await settled(sim, group)
      expect((await group.record())!.masterEpoch).toBe(epoch)
      expect(group.broken).toEqual([])
    },
    options,
  )
}, 3_600_000)

test('a killed master is replaced at once, a silent one within seconds, and the old one comes back as a slave', async () => {
  await everySeed(
    Math.min(SEEDS, 50),
    async (_, sim) => {
      const group = new SimGroup(sim, 2, 3)
      await group.start()
      await settled(sim, group)
      for (const how of ['crash', 'isolate'] as const) {
        const before = (await group.record())!
        const old = group.members[masterOf(before)!.brokerId - 1]!
        const startMs = sim.nowMs
        if (how === 'crash') old.crash()
        else sim.network.isolate(old.host.name)
        await until(sim, 'a new master', async () => (await group.record())!.masterEpoch > before.masterEpoch, 10_000)
        const tookMs = sim.nowMs - startMs
        // A dead process is seen by its connections; for a silent one the members have to miss it, and so has a controller.
        expect(tookMs).toBeLessThan(how === 'crash' ? 2600 : 5000)
        if (how === 'crash') old.restart()
        else sim.network.heal()
        await settled(sim, group)
        expect(masterOf((await group.record())!)!.brokerId).not.toBe(old.id)
        expect(old.process!.acting).toBe(0)
      }
      expect(group.broken).toEqual([])
      expect(await group.store.list()).toEqual([GROUP])
    },
    options,
  )
}, 3_600_000)
