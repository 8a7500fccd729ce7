import type { Clock, LocalTime, Timer } from '../clock.ts'

/** Node's timers hold the delay in 31 bits; a longer one would fire after 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

class Timeout implements Timer {
  #handle: NodeJS.Timeout

  constructor(run: () => void, delayMs: number) {
    this.#handle = setTimeout(run, delayMs)
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

class LongTimeout implements Timer {
  #handle: NodeJS.Timeout

  constructor(run: () => void, delayMs: number) {
    const due = performance.now() + delayMs
    const step = () => {
      const leftMs = due - performance.now()
      if (leftMs <= 0) run()
      else this.#handle = setTimeout(step, Math.min(leftMs, LONGEST_DELAY_MS))
    }
    this.#handle = setTimeout(step, LONGEST_DELAY_MS)
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

class Interval implements Timer {
  readonly #handle: NodeJS.Timeout

  constructor(run: () => void, periodMs: number) {
    this.#handle = setInterval(run, Math.min(periodMs, LONGEST_DELAY_MS)).unref()
  }

  cancel(): void {
    clearInterval(this.#handle)
  }
}

class Immediate implements Timer {
  readonly #handle: NodeJS.Immediate

  constructor(run: () => void) {
    this.#handle = setImmediate(run)
  }

  cancel(): void {
    clearImmediate(this.#handle)
  }
}

/**
 * The machine's clock. A one-shot timer and a sleep keep the process alive, because somebody waits for them (a client that
 * retries after `refused` has nothing else open). An interval is housekeeping and does not: it lives as long as sockets do.
 */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (run, delayMs) =>
    delayMs > LONGEST_DELAY_MS ? new LongTimeout(run, delayMs) : new Timeout(run, delayMs),
  setInterval: (run, periodMs) => new Interval(run, periodMs),
  setImmediate: run => new Immediate(run),

  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const timer = nodeClock.setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, delayMs)
      const abort = () => {
        timer.cancel()
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  },

  localTime(timestampMs): LocalTime {
    const date = new Date(timestampMs)
    return {
      year: date.getFullYear(),
      month: date.getMonth() + 1,
      day: date.getDate(),
      hour: date.getHours(),
      minute: date.getMinutes(),
      second: date.getSeconds(),
      millisecond: date.getMilliseconds(),
    }
  },
}
