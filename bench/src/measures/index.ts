import { consumeCold } from './consume-cold.ts'
import { consumeHot } from './consume-hot.ts'
import { javaConsume } from './java-consume.ts'
import { javaSends } from './java-sends.ts'
import { latency } from './latency.ts'
import type { Measure, Pace } from './measure.ts'
import { memoryDefaultHeap, memorySmallHeap } from './memory.ts'
import { pending } from './pending.ts'
import { restart } from './restart.ts'
import { asyncSends, syncSends } from './sends.ts'
import { soak } from './soak.ts'
import { start, startSmallHeap } from './start.ts'

/** In the order in which they run; those that share a broker go from the undemanding to those that end it. */
export const measuresAt = (pace: Pace): readonly Measure[] => [
  start,
  asyncSends,
  javaSends,
  consumeHot,
  javaConsume,
  latency,
  memoryDefaultHeap,
  restart,
  consumeCold(pace.coldFileBytes),
  syncSends,
  startSmallHeap,
  memorySmallHeap,
  soak,
  pending,
]
