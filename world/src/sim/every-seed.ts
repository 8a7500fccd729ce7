import { repeatCommand, seedFromEnvironment } from '../node/seed.ts'
import type { World } from '../world.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'

export interface EverySeedOptions extends SimulationOptions {
  /** The first of the seeds; 0 when absent. */
  readonly firstSeed?: number
  /** Stands in the command that repeats a failure. Pass `import.meta.filename`. */
  readonly file?: string
}

/**
 * Runs a test once for each of `count` seeds, in a fresh simulation with one host, `host`, whose world it gets. The first
 * failure ends it, with an error that names the seed and the command to repeat it; SEED=n runs that one alone.
 */
export async function everySeed(
  count: number,
  test: (world: World, sim: Simulation) => Promise<void>,
  { firstSeed = 0, file, ...options }: EverySeedOptions = {},
): Promise<void> {
  const only = seedFromEnvironment()
  const seeds = only === undefined ? Array.from({ length: count }, (_, i) => firstSeed + i) : [only]
  for (const seed of seeds) {
    const sim = new Simulation(seed, options)
    try {
      await sim.run(() => test(sim.host('host').world, sim))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const where = `seed ${seed} failed at ${sim.nowMs.toFixed(3)} ms, trace ${sim.traceHash.toString(16)}`
      throw new Error(`${where}; repeat it with: ${repeatCommand(seed, file)}\n${reason}`, { cause: error })
    }
  }
}
