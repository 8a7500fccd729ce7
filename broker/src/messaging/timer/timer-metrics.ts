import { timerMetrics as timerMetricsBody } from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from '../../metadata/data-version.ts'
import { JsonFile } from '../../metadata/json-file.ts'

interface Metric {
  count: number
  timeStamp: number
}

/** How many messages wait for their time, by the topic they are for: `config/timermetrics` (TimerMetrics.java). */
export class TimerMetrics {
  readonly #world: World
  readonly #file: JsonFile
  readonly counts = new Map<string, Metric>()
  #version: DataVersion
  #changed = false

  constructor(world: World, directory: string) {
    this.#world = world
    this.#version = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, directory, 'timermetrics', () => timerMetricsBody.encode(this.snapshot()))
  }

  /** Nothing but numbers to look at: an unreadable file is one to forget. */
  async load(log: Log): Promise<void> {
    this.counts.clear()
    try {
      const stored = await this.#file.load(bytes => timerMetricsBody.decode(bytes), log)
      for (const [topic, { count, timeStamp }] of stored?.timingCount ?? [])
        this.counts.set(topic, { count, timeStamp })
      if (stored?.dataVersion) this.#version = { ...this.#version, ...stored.dataVersion }
    } catch (error) {
      log.warn({ error }, 'the numbers of timed messages by topic begin at zero')
    }
  }

  add(topic: string, count: number): void {
    const metric = this.counts.get(topic)
    const timeStamp = this.#world.clock.now()
    if (metric === undefined) this.counts.set(topic, { count, timeStamp })
    else {
      metric.count += count
      metric.timeStamp = timeStamp
    }
    this.#changed = true
  }

  remove(topic: string): void {
    this.#changed = this.counts.delete(topic) || this.#changed
  }

  clear(): void {
    this.counts.clear()
    this.#changed = true
  }

  snapshot() {
    return { dataVersion: this.#version, timingCount: this.counts }
  }

  /** Writes them when they have changed. Throws DiskError. */
  async save(): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    this.#version = nextVersion(this.#version, this.#world.clock)
    try {
      await this.#file.save()
    } catch (error) {
      this.#changed = true
      throw error
    }
  }
}
