/** Above this latency … (MQFaultStrategy.java 5.x) */
const LATENCY_MAX_MS = [50, 100, 550, 1800, 3000, 5000, 15_000]
/** … a broker is left alone for so long. */
const NOT_AVAILABLE_MS = [0, 0, 2000, 5000, 6000, 10_000, 30_000]
/** What a failed send counts as. */
const ISOLATION_LATENCY_MS = 10_000

interface FaultItem {
  latencyMs: number
  availableAtMs: number
}

/** Remembers how brokers answered, so that a producer can leave slow and failing ones alone for a while. */
export class LatencyFaultTolerance {
  readonly #items = new Map<string, FaultItem>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** `failed` isolates the broker however fast the failure was. */
  update(brokerName: string, latencyMs: number, failed: boolean): void {
    const counted = failed ? ISOLATION_LATENCY_MS : latencyMs
    let step = LATENCY_MAX_MS.length - 1
    while (step >= 0 && counted < LATENCY_MAX_MS[step]!) step--
    const pauseMs = step < 0 ? 0 : NOT_AVAILABLE_MS[step]!
    this.#items.set(brokerName, { latencyMs, availableAtMs: this.#now() + pauseMs })
  }

  isAvailable(brokerName: string): boolean {
    const item = this.#items.get(brokerName)
    return item === undefined || item.availableAtMs <= this.#now()
  }

  /** The least bad of brokers none of which is available: the one that is so again first. */
  leastBad(brokerNames: readonly string[]): string | undefined {
    let best: string | undefined
    for (const name of brokerNames)
      if (best === undefined || this.#availableAt(name) < this.#availableAt(best)) best = name
    return best
  }

  #availableAt(brokerName: string): number {
    return this.#items.get(brokerName)?.availableAtMs ?? 0
  }
}
