/**
 * Everything outside the program, as the program sees it. `src/node` hands out the real machine, `src/sim` one that
 * runs from a seed. Code below `operator` and `cli` reaches time, disk, network and randomness only through here.
 */
import type { Clock } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Log } from './log.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'

export interface World {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  readonly log: Log
}
