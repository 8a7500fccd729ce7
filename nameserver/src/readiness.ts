/** How long a name server that has just started waits for the brokers it expects. */
export const READY_AFTER_MS = 10_000

/**
 * Whether clients may be sent here. A name server that has just started knows no routes: with its siblings serving it
 * stays out of the way until every expected group has registered, but not for ever, since a group may be down. Once
 * ready it stays so: to have lost a broker is something it must be asked about.
 */
export class Readiness {
  readonly #expectedBrokers: readonly string[]
  readonly #startedMs: number
  #ready = false

  /** `nowMs` is of a clock that never goes back. */
  constructor(expectedBrokers: readonly string[], nowMs: number) {
    this.#expectedBrokers = expectedBrokers
    this.#startedMs = nowMs
  }

  /** The broker names that are still waited for; none when it is ready. */
  waitingFor(isRegistered: (brokerName: string) => boolean, nowMs: number): readonly string[] {
    if (this.#ready) return []
    const missing = this.#expectedBrokers.filter(brokerName => !isRegistered(brokerName))
    this.#ready = missing.length === 0 || nowMs - this.#startedMs >= READY_AFTER_MS
    return this.#ready ? [] : missing
  }
}
