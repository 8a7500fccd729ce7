import type { Log } from '@rocketcluster/world'
import type { Arrival } from './store/types.ts'

/** The array is the store's own: read it before returning. */
export type ArrivalListener = (arrivals: readonly Arrival[]) => void

/** Tells everybody who waits for messages that some have become readable. */
export class Arrivals {
  readonly #log: Log
  readonly #listeners: ArrivalListener[] = []

  constructor(log: Log) {
    this.#log = log
  }

  add(listener: ArrivalListener): void {
    this.#listeners.push(listener)
  }

  /** Called once per commit group. One listener's failure is not the others'. */
  arrived(arrivals: readonly Arrival[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(arrivals)
      } catch (error) {
        this.#log.error({ error }, 'who was told of new messages failed')
      }
    }
  }
}
