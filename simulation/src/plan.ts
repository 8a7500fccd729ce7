import type { SimRandom } from '@rocketcluster/world/sim'

/** What one seed plays: drawn before anything starts, so that the story can begin with it. */
export interface Plan {
  readonly brokers: 1 | 2
  /** What the brokers promise: only with SYNC_FLUSH may the power be cut and an acknowledged message still be asked for. */
  readonly flushDiskType: 'SYNC_FLUSH' | 'ASYNC_FLUSH'
  readonly producers: number
  readonly consumers: number
  /** Virtual milliseconds during which faults happen. */
  readonly troubleMs: number
  /** Mean virtual milliseconds from one fault to the next. */
  readonly faultEveryMs: number
  /** Mean virtual milliseconds from one send of a producer to its next. */
  readonly sendEveryMs: number
  /** Bytes of the largest body. */
  readonly maxBodyBytes: number
}

export function planOf(random: SimRandom): Plan {
  return {
    brokers: random.pick([1, 2, 2]),
    flushDiskType: random.pick(['SYNC_FLUSH', 'ASYNC_FLUSH']),
    producers: 1 + random.int(3),
    consumers: 1 + random.int(2),
    troubleMs: random.pick([5000, 10_000, 15_000]),
    faultEveryMs: random.pick([500, 1000, 2500]),
    sendEveryMs: random.pick([15, 50, 150]),
    maxBodyBytes: random.pick([100, 700, 2000]),
  }
}
