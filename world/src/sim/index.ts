export { type ClockFault, SIM_EPOCH_MS } from './clock.ts'
export type { DiskLatency } from './disk.ts'
export { type EverySeedOptions, everySeed } from './every-seed.ts'
export type { DiskFault, DiskMedium, Operation } from './medium.ts'
export type { NetworkTiming, SimNetwork } from './network.ts'
export { SECTOR_BYTES } from './pages.ts'
export { SimRandom } from './random.ts'
export { type RunLimits, Scheduler, SimProcess } from './scheduler.ts'
export {
  type HostOptions,
  type LogLine,
  SimHost,
  Simulation,
  type SimulationOptions,
  simulation,
} from './simulation.ts'
