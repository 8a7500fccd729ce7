import type { Clock, Log, Network, World } from '@rocketcluster/world'

/** Node's clock, and the given network: what remoting needs of a world. */
export function testWorld(network: Network, log: Log): World {
  return { clock: testClock, network, log, disk: undefined as never, random: undefined as never }
}

const testClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout(run, delayMs) {
    const timer = setTimeout(run, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  setInterval(run, periodMs) {
    const timer = setInterval(run, periodMs)
    return { cancel: () => clearInterval(timer) }
  },
  setImmediate(run) {
    const timer = setImmediate(run)
    return { cancel: () => clearImmediate(timer) }
  },
  sleep: delayMs => new Promise(resolve => setTimeout(resolve, delayMs)),
  localTime: () => ({ year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0, millisecond: 0 }),
}

/** Keeps every line, so that a test can look for one. */
export class MemoryLog implements Log {
  readonly lines: { level: string; fields: any; message: string }[] = []
  debug = (fields: object, message: string) => void this.lines.push({ level: 'debug', fields, message })
  info = (fields: object, message: string) => void this.lines.push({ level: 'info', fields, message })
  warn = (fields: object, message: string) => void this.lines.push({ level: 'warn', fields, message })
  error = (fields: object, message: string) => void this.lines.push({ level: 'error', fields, message })
  child = () => this
}
