import type { Clock } from '@rocketcluster/world'

interface Sample {
  readonly atMs: number
  readonly put: number
  readonly got: number
}

/** Windows of the rates that tools show: "10s 60s 600s" (StoreStatsService.java). */
const WINDOWS_MS = [10_000, 60_000, 600_000] as const

/** Rates over the last seconds and totals of the day, from two counters that only rise. */
export class Throughput {
  readonly #clock: Clock
  readonly #count: () => { put: number; got: number }
  /** One a second, of the last ten minutes. */
  readonly #samples: Sample[] = []
  #day = ''
  #morning = { put: 0, got: 0 }
  #yesterday = { put: 0, got: 0 }

  constructor(clock: Clock, count: () => { put: number; got: number }) {
    this.#clock = clock
    this.#count = count
    this.sample()
  }

  /** Call once a second. */
  sample(): void {
    const now = this.#count()
    this.#samples.push({ atMs: this.#clock.monotonicMs(), ...now })
    if (this.#samples.length > 601) this.#samples.shift()
    const { year, month, day } = this.#clock.localTime(this.#clock.now())
    const today = `${year}-${month}-${day}`
    if (today === this.#day) return
    this.#day = today
    this.#yesterday = this.#morning
    this.#morning = now
  }

  putTps(): number[] {
    return WINDOWS_MS.map(window => this.#rate(window, 'put'))
  }

  getTps(): number[] {
    return WINDOWS_MS.map(window => this.#rate(window, 'got'))
  }

  daily(): Record<string, number> {
    const now = this.#count()
    return {
      msgPutTotalYesterdayMorning: this.#yesterday.put,
      msgPutTotalTodayMorning: this.#morning.put,
      msgPutTotalTodayNow: now.put,
      msgGetTotalYesterdayMorning: this.#yesterday.got,
      msgGetTotalTodayMorning: this.#morning.got,
      msgGetTotalTodayNow: now.got,
    }
  }

  #rate(windowMs: number, what: 'put' | 'got'): number {
    const last = this.#samples.at(-1)!
    const first = this.#samples.find(sample => last.atMs - sample.atMs <= windowMs)!
    const seconds = (last.atMs - first.atMs) / 1000
    return seconds === 0 ? 0 : (last[what] - first[what]) / seconds
  }
}
