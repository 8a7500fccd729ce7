/** Upper bounds, in milliseconds, of the put latency buckets (StoreStatsService.java); the last bucket has none. */
export const PUT_LATENCY_BOUNDS_MS = [1, 10, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000, 10_000] as const

/** What the store has done since it was opened. Plain numbers: whoever wants rates or labels takes differences. */
export class StoreStats {
  putMessages = 0
  putBytes = 0
  /** Refused, or lost to a failed write. */
  putFailed = 0
  /** Write calls to the log; messages per call is what group commit is about. */
  commitGroups = 0
  /** Longest time from the first append of a group to its acknowledgement. */
  putMaxMs = 0
  /** Messages by the time their group took; see PUT_LATENCY_BOUNDS_MS. */
  readonly putLatency: number[] = new Array(PUT_LATENCY_BOUNDS_MS.length + 1).fill(0)
  logSyncs = 0
  logSyncMaxMs = 0
  getCalls = 0
  /** Calls that found messages. */
  getFound = 0
  getMessages = 0
  getBytes = 0
  /** Messages served from the hot tail. */
  getHotMessages = 0
  /** Messages served from the disk or the cache of its blocks. */
  getColdMessages = 0
  coldBlockHits = 0
  /** Reads from the disk, for messages. */
  coldReads = 0
  coldReadBytes = 0
  /** Records that were not what their consume queue says: bit rot. Each is logged. */
  damagedRecords = 0

  putDone(count: number, elapsedMs: number): void {
    if (elapsedMs > this.putMaxMs) this.putMaxMs = elapsedMs
    let bucket = 0
    while (bucket < PUT_LATENCY_BOUNDS_MS.length && elapsedMs >= PUT_LATENCY_BOUNDS_MS[bucket]!) bucket++
    this.putLatency[bucket]! += count
  }
}
