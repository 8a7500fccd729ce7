/** A timer that has been set; `cancel` is harmless when it has fired already. */
export interface Timer {
  cancel(): void
}

/** A moment split into the fields of the machine's own time zone. Months count from 1. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
}

export interface Clock {
  /** Wall time in whole milliseconds since 1970-01-01T00:00Z. May jump; only for what leaves the process. */
  now(): number
  /** Milliseconds (with fraction) since an arbitrary start; never goes back. For time-outs and latencies. */
  monotonicMs(): number
  setTimeout(run: () => void, delayMs: number): Timer
  setInterval(run: () => void, periodMs: number): Timer
  /** Runs once, after the I/O events that are already waiting have been handled: the end of this turn. */
  setImmediate(run: () => void): Timer
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  localTime(timestampMs: number): LocalTime
}
