import type { BrokerStatsData, BrokerStatsItem } from '@rocketcluster/protocol'
import type { Clock } from '@rocketcluster/world'
import type { BrokerStats } from './stats.ts'

/** StatsItem.java: how many samples each span looks back over, and how many periods lie between two of them. */
const SPANS = [
  { samples: 7, everyPeriods: 1 },
  { samples: 7, everyPeriods: 60 },
  { samples: 25, everyPeriods: 360 },
] as const
const SAMPLES = SPANS.reduce((sum, { samples }) => sum + samples, 0)

/** The statistics that VIEW_BROKER_STATS_DATA knows (Stats.java). Those of the broker go by the cluster's name. */
const NAMES: Readonly<
  Record<string, { readonly of: 'topic' | 'group' | 'broker'; readonly what: 'messages' | 'bytes' }>
> = {
  TOPIC_PUT_NUMS: { of: 'topic', what: 'messages' },
  TOPIC_PUT_SIZE: { of: 'topic', what: 'bytes' },
  GROUP_GET_NUMS: { of: 'group', what: 'messages' },
  GROUP_GET_SIZE: { of: 'group', what: 'bytes' },
  BROKER_PUT_NUMS: { of: 'broker', what: 'messages' },
  BROKER_GET_NUMS: { of: 'broker', what: 'messages' },
}

interface Counter {
  readonly messages: number
  readonly bytes: number
}

/** What one counter was at each of the last samples, in rings that all counters share the clock of. */
interface Series {
  readonly messages: Float64Array
  readonly bytes: Float64Array
}

/** The moments of one span's samples. */
class Ring {
  readonly #first: number
  readonly #atMs: Float64Array
  #count = 0

  constructor(first: number, samples: number) {
    this.#first = first
    this.#atMs = new Float64Array(samples)
  }

  /** Takes a place for a sample, the oldest one's when all are taken. */
  add(atMs: number): void {
    this.#atMs[this.#count++ % this.#atMs.length] = atMs
  }

  /** Where the newest sample lies in a series. */
  get newest(): number {
    return this.#first + ((this.#count - 1) % this.#atMs.length)
  }

  get oldest(): number {
    return this.#first + (this.#count <= this.#atMs.length ? 0 : this.#count % this.#atMs.length)
  }

  get milliseconds(): number {
    return this.#atMs[this.newest - this.#first]! - this.#atMs[this.oldest - this.#first]!
  }
}

/**
 * What came in by topic and went out by topic and group, over the last minute, hour and day: sampled every 10 s, so that
 * nobody pays for it while sending.
 */
export class RecentStats {
  static readonly PERIOD_MS = 10_000
  readonly #clock: Clock
  readonly #stats: BrokerStats
  readonly #clusterName: string
  readonly #rings: readonly Ring[]
  readonly #series = {
    topic: new Map<string, Series>(),
    group: new Map<string, Series>(),
    broker: new Map<string, Series>(),
  }
  #periods = 0

  constructor(clock: Clock, stats: BrokerStats, clusterName: string) {
    this.#clock = clock
    this.#stats = stats
    this.#clusterName = clusterName
    let first = 0
    this.#rings = SPANS.map(({ samples }) => {
      const ring = new Ring(first, samples)
      first += samples
      return ring
    })
    this.sample()
  }

  /** Call every PERIOD_MS. */
  sample(): void {
    const nowMs = this.#clock.monotonicMs()
    const due = this.#rings.filter((_, span) => this.#periods % SPANS[span]!.everyPeriods === 0)
    this.#periods++
    for (const ring of due) ring.add(nowMs)
    const places = due.map(ring => ring.newest)
    this.#keep(this.#series.topic, this.#stats.in, places)
    this.#keep(this.#series.group, this.#stats.out, places)
    this.#keep(this.#series.broker, this.#ofBroker(), places)
  }

  #keep(kept: Map<string, Series>, counters: ReadonlyMap<string, Counter>, places: readonly number[]): void {
    for (const key of kept.keys()) if (!counters.has(key)) kept.delete(key)
    for (const [key, { messages, bytes }] of counters) {
      let series = kept.get(key)
      if (!series) {
        // Before it was first seen it was 0: all that it has counted falls into each span.
        series = { messages: new Float64Array(SAMPLES), bytes: new Float64Array(SAMPLES) }
        kept.set(key, series)
      }
      for (const place of places) {
        series.messages[place] = messages
        series.bytes[place] = bytes
      }
    }
  }

  #ofBroker(): Map<string, Counter> {
    const total = (counters: Iterable<Counter>) => {
      const sum = { messages: 0, bytes: 0 }
      for (const { messages, bytes } of counters) {
        sum.messages += messages
        sum.bytes += bytes
      }
      return sum
    }
    return new Map([
      ['BROKER_PUT_NUMS', total(this.#stats.in.values())],
      ['BROKER_GET_NUMS', total(this.#stats.out.values())],
    ])
  }

  /**
   * One statistic: TOPIC_ ones by topic, GROUP_ ones by `topic@group`, BROKER_ ones by the cluster's name. undefined when
   * there is no such name, or nothing was counted by that key yet.
   */
  find(name: string, key: string): Required<BrokerStatsData> | undefined {
    const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
    if (!known) return undefined
    if (known.of === 'broker' && key !== this.#clusterName) return undefined
    const counters = known.of === 'topic' ? this.#stats.in : known.of === 'group' ? this.#stats.out : undefined
    if (counters && !counters.has(key)) return undefined
    const series = this.#series[known.of].get(known.of === 'broker' ? name : key)
    const [statsMinute, statsHour, statsDay] = this.#rings.map(ring => spanOf(series, ring, known.what))
    return { statsMinute: statsMinute!, statsHour: statsHour!, statsDay: statsDay! }
  }

  /** Messages a second over the last minute; 0 for what is not counted. */
  tps(name: string, key: string): number {
    return this.find(name, key)?.statsMinute.tps ?? 0
  }
}

function spanOf(series: Series | undefined, ring: Ring, what: 'messages' | 'bytes'): BrokerStatsItem {
  const passed = (values: Float64Array) => values[ring.newest]! - values[ring.oldest]!
  if (!series) return { sum: 0, tps: 0, avgpt: 0 }
  const sum = passed(series[what])
  const messages = passed(series.messages)
  const { milliseconds } = ring
  return {
    sum,
    tps: milliseconds === 0 ? 0 : (sum * 1000) / milliseconds,
    avgpt: messages === 0 ? 0 : sum / messages,
  }
}
