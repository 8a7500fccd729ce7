/** A bounded sample of latencies: when it is full, every second one is dropped and only every second is taken on. */
export class Latencies {
  readonly #samples: Float64Array
  #count = 0
  #seen = 0
  #every = 1

  constructor(capacity = 1 << 18) {
    this.#samples = new Float64Array(capacity)
  }

  add(ms: number): void {
    if (this.#seen++ % this.#every !== 0) return
    if (this.#count === this.#samples.length) {
      for (let i = 0; i < this.#count; i += 2) this.#samples[i / 2] = this.#samples[i]!
      this.#count /= 2
      this.#every *= 2
    }
    this.#samples[this.#count++] = ms
  }

  /** Median, 99th and 99.9th percentile in milliseconds, microseconds exact. */
  summary(): { p50Ms: number; p99Ms: number; p999Ms: number } {
    const sorted = this.#samples.slice(0, this.#count).sort()
    const at = (p: number) =>
      Math.round((sorted[Math.min(this.#count - 1, Math.floor(this.#count * p))] ?? 0) * 1000) / 1000
    return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) }
  }
}
