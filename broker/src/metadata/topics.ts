import { AUTO_CREATE_TOPIC_KEY_TOPIC, ResponseError, topicConfigSerializeWrapper } from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import type { DataVersion } from './data-version.ts'
import { DurableTable } from './durable-table.ts'
import {
  type NamedTopic,
  PERM_INHERIT,
  PERM_READ,
  PERM_WRITE,
  type SystemTopicOptions,
  systemTopics,
  topicConfig,
} from './system-topics.ts'

export interface AutoCreate {
  readonly topic: string
  readonly defaultTopic: string
  /** What the producer asks for (its defaultTopicQueueNums, 4 in the Java client). */
  readonly queueNums: number
}

/** Static topics (queue mappings) do not exist here; what travels says so by empty tables. */
export const withoutMappings = (snapshot: ReturnType<Topics['snapshot']>) => ({
  ...snapshot,
  mappingDataVersion: { counter: 0, stateVersion: 0, timestamp: 0 },
  topicQueueMappingDetailMap: new Map(),
  topicQueueMappingInfoMap: new Map(),
})

const doNothing = async () => {}

/**
 * The topics of this broker and their queues: `config/topics.json` (TopicConfigManager.java). A topic is there when it
 * is on disk, not before: whoever may send to it may rely on it.
 */
export class Topics {
  readonly #table: DurableTable<NamedTopic>
  readonly #creating = new Map<string, Promise<NamedTopic>>()
  /** Topics on their way out. Who makes one of the same name waits: its messages must not leave with the old ones. */
  readonly #leaving = new Map<string, Promise<boolean>>()
  readonly #world: World
  /** The broker's live configuration: read at every use. */
  readonly options: SystemTopicOptions
  /** Told once a change that somebody asked for is on disk; who asked waits for it. */
  onStored: () => Promise<void> = doNothing
  /** Told the names that changed after that; the owner registers them with the name servers. */
  onChange: (topics: readonly string[]) => Promise<void> = doNothing

  private constructor(world: World, options: SystemTopicOptions, directory: string) {
    this.#world = world
    this.options = options
    this.#table = new DurableTable(world, {
      directory,
      name: 'topics.json',
      print: (topicConfigTable, dataVersion) => topicConfigSerializeWrapper.encode({ dataVersion, topicConfigTable }),
    })
  }

  /** `directory` is `<storePathRootDir>/config`. Throws when what is stored there cannot be read. */
  static async load(world: World, options: SystemTopicOptions, directory: string, log: Log): Promise<Topics> {
    const topics = new Topics(world, options, directory)
    const stored = await topics.#table.load(bytes => topicConfigSerializeWrapper.decode(bytes), log)
    topics.#table.fill(systemTopics(options).map(config => [config.topicName, config]))
    topics.#table.fill(
      [...(stored?.topicConfigTable ?? [])].map(([topicName, config]) => [topicName, { ...config, topicName }]),
      stored?.dataVersion,
    )
    return topics
  }

  get(topic: string): NamedTopic | undefined {
    return this.#table.get(topic)
  }

  all(): IterableIterator<NamedTopic> {
    return this.#table.values()
  }

  get count(): number {
    return this.#table.size
  }

  get dataVersion(): DataVersion {
    return this.#table.dataVersion
  }

  /**
   * Creates the topic or replaces its settings. Resolves when that is on disk and the name servers were told. Throws
   * SYSTEM_ERROR when the disk refuses; nothing changed then.
   */
  put(config: NamedTopic): Promise<void> {
    return this.putAll([config])
  }

  /** As `put`, for several: all of them or none. */
  async putAll(configs: readonly NamedTopic[]): Promise<void> {
    for (const { topicName } of configs) await this.#leaving.get(topicName)?.catch(() => {})
    await this.#store(new Map(configs.map(config => [config.topicName, config])))
    await this.onChange(configs.map(({ topicName }) => topicName))
  }

  /**
   * Removes a topic, and then, with `forget`, what else there is of it; until that is done none of its name is made anew.
   * `forget` runs also when the topic is gone already: an attempt before may have failed half-way. Returns whether it was
   * there. Throws as `put`, or what `forget` throws.
   */
  async delete(topic: string, forget: () => Promise<void> = doNothing): Promise<boolean> {
    const leaving = this.#leave(topic, forget).finally(() => {
      if (this.#leaving.get(topic) === leaving) this.#leaving.delete(topic)
    })
    this.#leaving.set(topic, leaving)
    const wasThere = await leaving
    if (wasThere) await this.onChange([topic])
    return wasThere
  }

  async #leave(topic: string, forget: () => Promise<void>): Promise<boolean> {
    await this.#leaving.get(topic)?.catch(() => {})
    // One that is being created is gone afterwards too.
    await this.#creating.get(topic)?.catch(() => {})
    const isThere = this.#table.get(topic) !== undefined
    if (isThere) await this.#store(new Map([[topic, undefined]]))
    await forget()
    return isThere
  }

  /** Marks topics as ordered that a name server says are; never takes the mark away (TopicConfigManager.java#updateOrderTopicConfig). */
  async markOrdered(names: Iterable<string>): Promise<void> {
    const changed = new Map<string, NamedTopic>()
    for (const name of names) {
      const known = this.#table.get(name)
      if (known && !known.order) changed.set(name, { ...known, order: true })
    }
    if (changed.size === 0) return
    await this.#store(changed)
    await this.onChange([...changed.keys()])
  }

  /**
   * Creates a topic after the example of another, as a producer's first send asks for. Rejects with TOPIC_NOT_EXIST when
   * there is no example or it may not be inherited (autoCreateTopicEnable=false). The name servers hear of it in the
   * background: the producer has its route from the example topic already.
   */
  createByExample({ topic, defaultTopic, queueNums }: AutoCreate): Promise<NamedTopic> {
    const make = () => this.#known(topic) ?? this.#createByExample(topic, defaultTopic, queueNums)
    return this.#leaving.get(topic)?.then(make, make) ?? make()
  }

  #createByExample(topic: string, defaultTopic: string, queueNums: number): Promise<NamedTopic> {
    const example = this.#table.get(defaultTopic)
    const { autoCreateTopicEnable } = this.options
    const allowed = defaultTopic !== AUTO_CREATE_TOPIC_KEY_TOPIC || autoCreateTopicEnable
    if (!example || !allowed || (example.perm & PERM_INHERIT) === 0)
      return Promise.reject(
        new ResponseError(
          'TOPIC_NOT_EXIST',
          `topic[${topic}] not exist, apply first please! The example topic ${defaultTopic} ${example ? 'may not be inherited' : 'does not exist'} on this broker`,
        ),
      )
    const queues = Math.max(1, Math.min(queueNums, example.writeQueueNums))
    return this.#create({
      ...topicConfig(topic, queues, example.perm & ~PERM_INHERIT),
      topicFilterType: example.topicFilterType,
    })
  }

  /** Creates `%RETRY%` and `%DLQ%` topics, which need no example. */
  createInternal(topic: string, queues: number, perm = PERM_READ | PERM_WRITE): Promise<NamedTopic> {
    const make = () => this.#known(topic) ?? this.#create(topicConfig(topic, queues, perm))
    return this.#leaving.get(topic)?.then(make, make) ?? make()
  }

  #known(topic: string): Promise<NamedTopic> | undefined {
    const known = this.#table.get(topic)
    return known ? Promise.resolve(known) : this.#creating.get(topic)
  }

  #create(config: NamedTopic): Promise<NamedTopic> {
    const { topicName } = config
    const creation = this.#store(new Map([[topicName, config]]))
      .then(() => {
        this.onChange([topicName]).catch(error =>
          this.#world.log.warn({ error, topic: topicName }, 'the name servers do not know a new topic yet'),
        )
        // An administrator may have changed it meanwhile.
        return this.#table.get(topicName) ?? config
      })
      .finally(() => this.#creating.delete(topicName))
    this.#creating.set(topicName, creation)
    return creation
  }

  async #store(changes: ReadonlyMap<string, NamedTopic | undefined>): Promise<void> {
    await this.#write(changes)
    await this.onStored()
  }

  async #write(changes: ReadonlyMap<string, NamedTopic | undefined>): Promise<void> {
    try {
      await this.#table.change(changes)
    } catch (error) {
      const names = [...changes.keys()].join(', ')
      throw new ResponseError('SYSTEM_ERROR', `topic ${names} cannot be stored: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  /** Takes over a master's topics; see `DurableTable.adopt`. Tells the owner what has changed. Throws DiskError. */
  async adopt(topics: ReadonlyMap<string, NamedTopic>, dataVersion: DataVersion): Promise<void> {
    await this.#table.adopt(topics, dataVersion)
    await this.onChange([...topics.keys()])
  }

  /** This broker has become master: what it registers wins over what the masters before it have registered. */
  startEpoch(epoch: number): void {
    this.#table.startEpoch(epoch)
  }

  /** A name server takes in a registration only when its version is another one: the broker's permission has changed. */
  renew(): void {
    this.#table.renew()
  }

  /** Writes the file now; for the clean stop. */
  save(): Promise<void> {
    return this.#table.save()
  }

  /** The table as it travels in REGISTER_BROKER and GET_ALL_TOPIC_CONFIG, or only the named topics of it. */
  snapshot(only?: readonly string[]): { dataVersion: DataVersion; topicConfigTable: Map<string, NamedTopic> } {
    const configs = only
      ? only.map(topic => this.#table.get(topic)).filter(config => config !== undefined)
      : [...this.#table.values()]
    return {
      dataVersion: this.dataVersion,
      topicConfigTable: new Map(configs.map(config => [config.topicName, config])),
    }
  }
}
