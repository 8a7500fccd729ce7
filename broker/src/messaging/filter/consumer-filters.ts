import { type ConsumerFilterData, consumerFilter, type SubscriptionData } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { JsonFile } from '../../metadata/json-file.ts'
import { isByTag } from '../expression-type.ts'
import { BloomFilter, type BloomFilterData } from './bloom-filter.ts'
import type { CompiledFilter } from './compile-sql.ts'
import { compiledFilterOf } from './compiled-filters.ts'

/** One group's filter on one topic (ConsumerFilterData.java). Times in milliseconds of the wall clock. */
export interface ConsumerFilter {
  readonly topic: string
  readonly consumerGroup: string
  readonly expression: string
  readonly expressionType: string
  /** undefined when it came from a file and does not compile: no message is judged by it. */
  readonly compiled: CompiledFilter | undefined
  readonly bornTime: number
  /** When its last consumer left; 0 while there is one. */
  deadTime: number
  /** subVersion of the subscription: the client's clock when it subscribed, or rebalanced last. */
  clientVersion: number
  readonly bloomFilterData: BloomFilterData
}

export interface ConsumerFiltersSettings {
  readonly filterDataCleanTimeSpan: number
  readonly maxErrorRateOfBloomFilter: number
  readonly expectConsumerNumUseFilter: number
}

/** After a start all consumers count as gone since then (ConsumerFilterManager.java). */
const GONE_BEFORE_START_MS = 30_000

/**
 * The SQL92 filters that consumers have told us in heartbeats, compiled: `config/consumerFilter.json`
 * (ConsumerFilterManager.java). A filter whose consumers have left is kept for filterDataCleanTimeSpan, and after a
 * restart serves the pulls of consumers whose next heartbeat is still to come.
 */
export class ConsumerFilters {
  readonly #world: World
  readonly #settings: ConsumerFiltersSettings
  readonly #bloom: BloomFilter
  readonly #file: JsonFile
  /** group → topic → filter */
  readonly #groups = new Map<string, Map<string, ConsumerFilter>>()
  #dirty = false

  private constructor(world: World, settings: ConsumerFiltersSettings, directory: string) {
    this.#world = world
    this.#settings = settings
    this.#bloom = new BloomFilter(settings.maxErrorRateOfBloomFilter, settings.expectConsumerNumUseFilter)
    this.#file = new JsonFile(world.disk, directory, 'consumerFilter.json', () => {
      this.#dirty = false
      this.#clean()
      return consumerFilter.encode(this.#snapshot())
    })
  }

  /** A file that cannot be read is an entry in the log and no reason not to start: consumers tell their filters again. */
  static async load(world: World, settings: ConsumerFiltersSettings, directory: string): Promise<ConsumerFilters> {
    const filters = new ConsumerFilters(world, settings, directory)
    try {
      const stored = await filters.#file.load(bytes => consumerFilter.decode(bytes), world.log)
      for (const [topic, { groupFilterData }] of stored?.filterDataByTopic ?? [])
        for (const [group, data] of groupFilterData) filters.#restore(topic, group, data)
    } catch (error) {
      world.log.error({ error }, 'consumer filters are forgotten until the next heartbeats')
    }
    return filters
  }

  #restore(topic: string, group: string, data: ConsumerFilterData): void {
    const { expression, expressionType } = data
    if (!expression || !expressionType || isByTag(expressionType)) return
    this.#set({
      topic,
      consumerGroup: group,
      expression,
      expressionType,
      compiled: this.#compile(topic, group, expression, expressionType),
      bornTime: data.bornTime,
      deadTime: data.deadTime || Math.max(data.bornTime, this.#world.clock.now() - GONE_BEFORE_START_MS),
      clientVersion: data.clientVersion,
      bloomFilterData: this.#bloom.positions(`${group}#${topic}`),
    })
  }

  get(topic: string, group: string): ConsumerFilter | undefined {
    return this.#groups.get(group)?.get(topic)
  }

  /** Takes over what a heartbeat says: filters of topics that it does not name have lost their consumers. */
  register(group: string, subscriptions: readonly SubscriptionData[]): void {
    for (const subscription of subscriptions) this.#register(group, subscription)
    const filters = this.#groups.get(group)
    if (!filters) return
    for (const filter of filters.values())
      if (!subscriptions.some(({ topic }) => topic === filter.topic)) this.#bury(filter)
  }

  #register(group: string, { topic, subString, expressionType, subVersion }: SubscriptionData): void {
    if (expressionType === undefined || isByTag(expressionType)) return
    const known = this.get(topic, group)
    // Of living consumers the newest subscription counts. One that has left has no say, whatever its clock was.
    if (known && known.deadTime === 0 && subVersion <= known.clientVersion) return
    const expression = subString ?? ''
    if (known?.compiled && known.expression === expression && known.expressionType === expressionType) {
      if (known.deadTime !== 0 || known.clientVersion !== subVersion) this.#dirty = true
      known.clientVersion = subVersion
      known.deadTime = 0
      return
    }
    const compiled = this.#compile(topic, group, expression, expressionType)
    if (!compiled) {
      this.#delete(topic, group)
      return
    }
    this.#set({
      topic,
      consumerGroup: group,
      expression,
      expressionType,
      compiled,
      bornTime: this.#world.clock.now(),
      deadTime: 0,
      clientVersion: subVersion,
      bloomFilterData: this.#bloom.positions(`${group}#${topic}`),
    })
  }

  #compile(topic: string, group: string, expression: string, expressionType: string): CompiledFilter | undefined {
    try {
      return compiledFilterOf(expressionType, expression)
    } catch (error) {
      this.#world.log.warn({ topic, group, problem: (error as Error).message }, 'a consumer has a filter that is none')
      return undefined
    }
  }

  /** The group has no consumers any more. */
  unregister(group: string): void {
    for (const filter of this.#groups.get(group)?.values() ?? []) this.#bury(filter)
  }

  #bury(filter: ConsumerFilter): void {
    if (filter.deadTime !== 0) return
    // Before its birth, to Apache, it lives.
    filter.deadTime = Math.max(this.#world.clock.now(), filter.bornTime)
    this.#dirty = true
  }

  #set(filter: ConsumerFilter): void {
    let filters = this.#groups.get(filter.consumerGroup)
    if (!filters) this.#groups.set(filter.consumerGroup, (filters = new Map()))
    filters.set(filter.topic, filter)
    this.#dirty = true
  }

  #delete(topic: string, group: string): void {
    const filters = this.#groups.get(group)
    if (!filters?.delete(topic)) return
    if (filters.size === 0) this.#groups.delete(group)
    this.#dirty = true
  }

  #clean(): void {
    const oldest = this.#world.clock.now() - this.#settings.filterDataCleanTimeSpan
    for (const [group, filters] of this.#groups)
      for (const { topic, deadTime } of filters.values())
        if (deadTime !== 0 && deadTime <= oldest) this.#delete(topic, group)
  }

  /** Resolves when all changes so far are on disk; writes only when there are any. Throws DiskError; they stay due then. */
  async flush(): Promise<void> {
    this.#clean()
    if (!this.#dirty) return
    await this.#file.save().catch(error => {
      this.#dirty = true
      throw error
    })
  }

  #snapshot() {
    const filterDataByTopic = new Map<string, { topic: string; groupFilterData: Map<string, ConsumerFilterData> }>()
    for (const filters of this.#groups.values())
      for (const { compiled: _, ...data } of filters.values()) {
        let ofTopic = filterDataByTopic.get(data.topic)
        if (!ofTopic) filterDataByTopic.set(data.topic, (ofTopic = { topic: data.topic, groupFilterData: new Map() }))
        ofTopic.groupFilterData.set(data.consumerGroup, { ...data, dead: data.deadTime >= data.bornTime })
      }
    return { filterDataByTopic }
  }
}
