import type { PeerLimits } from './peer.ts'

const MiB = 1024 * 1024

/**
 * A connection may have many requests in flight, because held pulls are: a consumer of 1000 queues has 1000. What bounds
 * memory is their bytes.
 */
export function defaultLimits(limits: Partial<PeerLimits> = {}): PeerLimits {
  return {
    highWaterBytes: 8 * MiB,
    hardLimitBytes: 128 * MiB,
    maxInFlight: 32 * 1024,
    maxInFlightBytes: 64 * MiB,
    maxOutstanding: 64 * 1024 - 1,
    ...limits,
  }
}
