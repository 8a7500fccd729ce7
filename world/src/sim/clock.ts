import type { Clock, LocalTime, Timer } from '../clock.ts'
import type { Scheduler, SimProcess } from './scheduler.ts'

/** How a host's clock differs from virtual time. Changed while the run goes on, wall time jumps. */
export interface ClockFault {
  /** Added to wall time, in milliseconds. */
  offsetMs: number
  /** Local milliseconds that pass in one virtual millisecond: 1.0001 is 100 ppm fast. Fixed at start. */
  readonly rate: number
  /** Local time zone: minutes east of UTC. */
  readonly zoneMinutes: number
}

/** Virtual time 0: 2026-01-01T00:00Z. */
export const SIM_EPOCH_MS = Date.UTC(2026, 0, 1)
/** A turn of the event loop takes a little time; else a loop of setImmediate would stop the world. */
const TURN_MS = 0.001

export class SimClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #process: SimProcess
  readonly #fault: ClockFault

  constructor(scheduler: Scheduler, process: SimProcess, fault: ClockFault) {
    this.#scheduler = scheduler
    this.#process = process
    this.#fault = fault
  }

  now(): number {
    return Math.floor(SIM_EPOCH_MS + this.#fault.offsetMs + this.monotonicMs())
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs * this.#fault.rate
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    // As on the real machine: at least a millisecond, and never early by the local clock.
    return this.#process.schedule('timeout', Math.max(1, delayMs) / this.#fault.rate, run)
  }

  setInterval(run: () => void, periodMs: number): Timer {
    let timer: Timer
    let cancelled = false
    const again = () => {
      timer = this.setTimeout(() => {
        run()
        if (!cancelled) again()
      }, periodMs)
    }
    again()
    return {
      cancel() {
        cancelled = true
        timer.cancel()
      },
    }
  }

  setImmediate(run: () => void): Timer {
    return this.#process.schedule('immediate', TURN_MS, run)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const abort = () => {
        timer.cancel()
        reject(signal!.reason)
      }
      const timer = this.setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  localTime(timestampMs: number): LocalTime {
    const date = new Date(timestampMs + this.#fault.zoneMinutes * 60_000)
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
      millisecond: date.getUTCMilliseconds(),
    }
  }
}
