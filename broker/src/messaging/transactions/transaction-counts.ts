import { transactionMetrics } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from '../../metadata/data-version.ts'
import { JsonFile } from '../../metadata/json-file.ts'
import { Buckets } from '../../stats.ts'

/** Upper bounds of rocketmq_finish_message_latency, which Apache counts in seconds (BrokerMetricsManager.java). */
export const FINISH_LATENCY_BUCKETS = [5, 60, 600, 3600, 43_200, 86_400] as const

/**
 * Half messages by topic, kept in `config/transactionMetrics` as Apache does (TransactionMetrics.java): a number for
 * dashboards, behind by what happened in the last seconds after a crash. And what was decided since the start.
 */
export class TransactionCounts {
  readonly #half = new Map<string, { count: number; timeStamp: number }>()
  readonly commits = new Map<string, number>()
  readonly rollbacks = new Map<string, number>()
  /** From a message's birth to its commit, in seconds. */
  readonly finishSeconds = new Map<string, Buckets>()
  readonly #world: World
  readonly #file: JsonFile
  #dataVersion: DataVersion
  #dirty = false

  constructor(world: World, directory: string) {
    this.#world = world
    this.#dataVersion = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, directory, 'transactionMetrics', () => {
      this.#dirty = false
      return transactionMetrics.encode({ dataVersion: this.#dataVersion, transactionCount: this.#half })
    })
  }

  /** A file that cannot be read costs numbers for a dashboard, not the start of a broker. */
  async load(): Promise<void> {
    if (this.#half.size > 0) return
    const stored = await this.#file
      .load(bytes => transactionMetrics.decode(bytes), this.#world.log)
      .catch(error => this.#world.log.warn({ error }, 'half messages are counted from 0'))
    if (!stored) return
    for (const [topic, { count, timeStamp }] of stored.transactionCount) this.#half.set(topic, { count, timeStamp })
    if (stored.dataVersion) this.#dataVersion = { ...stored.dataVersion }
  }

  async save(): Promise<void> {
    if (!this.#dirty) return
    this.#dataVersion = nextVersion(this.#dataVersion, this.#world.clock)
    await this.#file.save().catch(error => {
      this.#dirty = true
      throw error
    })
  }

  /** Topic and how many of its messages wait for their transaction. */
  *half(): Generator<[topic: string, count: number]> {
    for (const [topic, { count }] of this.#half) yield [topic, Math.max(0, count)]
  }

  prepared(topic: string): void {
    this.#add(topic, 1)
  }

  committed(topic: string, bornTimestamp: number): void {
    this.#add(topic, -1)
    this.commits.set(topic, (this.commits.get(topic) ?? 0) + 1)
    let buckets = this.finishSeconds.get(topic)
    if (!buckets) this.finishSeconds.set(topic, (buckets = new Buckets(FINISH_LATENCY_BUCKETS)))
    buckets.observe(Math.max(0, Math.floor((this.#world.clock.now() - bornTimestamp) / 1000)))
  }

  rolledBack(topic: string): void {
    this.#add(topic, -1)
    this.rollbacks.set(topic, (this.rollbacks.get(topic) ?? 0) + 1)
  }

  setAside(topic: string): void {
    this.#add(topic, -1)
  }

  /** The topic is deleted: its numbers go with it. */
  forgetTopic(topic: string): void {
    if (this.#half.delete(topic)) this.#dirty = true
    this.commits.delete(topic)
    this.rollbacks.delete(topic)
    this.finishSeconds.delete(topic)
  }

  #add(topic: string, change: number): void {
    let counted = this.#half.get(topic)
    if (!counted) this.#half.set(topic, (counted = { count: 0, timeStamp: 0 }))
    counted.count += change
    counted.timeStamp = this.#world.clock.now()
    this.#dirty = true
  }
}
