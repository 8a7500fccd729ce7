import { expect, test } from '@jest/globals'
import { Simulation } from '@rocketcluster/world/sim'
import { Signal } from './timer-state.ts'

test('several may wait for one signal, each for its own time', async () => {
  const sim = new Simulation(1)
  await sim.run(async () => {
    const start = sim.nowMs
    const signal = new Signal(sim.host('a').world)
    const woken: number[] = []
    const waiting = [200, 300].map(ms => signal.wait(ms).then(() => woken.push(sim.nowMs - start)))
    await Promise.all(waiting)
    expect(woken.map(Math.floor)).toEqual([200, 300])
    const again = [200, 300].map(ms => signal.wait(ms))
    signal.notify()
    await Promise.all(again)
    expect(sim.nowMs - start).toBeLessThan(302)
  })
})
