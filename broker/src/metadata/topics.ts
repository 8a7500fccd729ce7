import { ResponseError, topicConfigSerializeWrapper } from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from './data-version.ts'
import { JsonFile } from './json-file.ts'
import {
  type NamedTopic,
  PERM_INHERIT,
  PERM_READ,
  PERM_WRITE,
  type SystemTopicOptions,
  systemTopics,
  topicConfig,
} from './system-topics.ts'

export interface TopicsOptions extends SystemTopicOptions {
  /** `<storePathRootDir>/config` */
  readonly directory: string
}

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

/** The topics of this broker and their queues: `config/topics.json` (TopicConfigManager.java). */
export class Topics {
  readonly #table = new Map<string, NamedTopic>()
  readonly #creating = new Map<string, Promise<NamedTopic>>()
  readonly #file: JsonFile
  readonly #world: World
  readonly #options: TopicsOptions
  dataVersion: DataVersion
  /** Told the names that changed once the change is on disk; the owner registers them with the name servers. */
  onChange: (topics: readonly string[]) => Promise<void> = async () => {}

  private constructor(world: World, options: TopicsOptions) {
    this.#world = world
    this.#options = options
    this.dataVersion = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, options.directory, 'topics.json', () => this.#print())
  }

  static async load(world: World, options: TopicsOptions, log: Log): Promise<Topics> {
    const topics = new Topics(world, options)
    const stored = await topics.#file.load(bytes => topicConfigSerializeWrapper.decode(bytes), log)
    for (const config of systemTopics(options)) topics.#table.set(config.topicName, config)
    for (const [topicName, config] of stored?.topicConfigTable ?? [])
      topics.#table.set(topicName, { ...config, topicName })
    if (stored?.dataVersion) topics.dataVersion = { ...stored.dataVersion }
    return topics
  }

  get(topic: string): NamedTopic | undefined {
    return this.#table.get(topic)
  }

  /** True until the topic is on disk: it must not be used before, a crash would forget it. */
  isBeingCreated(topic: string): boolean {
    return this.#creating.size > 0 && this.#creating.has(topic)
  }

  all(): IterableIterator<NamedTopic> {
    return this.#table.values()
  }

  get count(): number {
    return this.#table.size
  }

  /** Creates the topic or replaces its settings. Resolves when that is on disk and the name servers were told. */
  async put(config: NamedTopic): Promise<void> {
    await this.#store(config)
    await this.onChange([config.topicName])
  }

  async delete(topic: string): Promise<boolean> {
    if (!this.#table.delete(topic)) return false
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    await this.#file.save()
    await this.onChange([topic])
    return true
  }

  /**
   * Creates a topic after the example of another, as a producer's first send asks for. Throws TOPIC_NOT_EXIST when
   * there is no example or it may not be inherited (autoCreateTopicEnable=false). The name servers hear of it in the
   * background: the producer has its route from the example topic already.
   */
  createByExample({ topic, defaultTopic, queueNums }: AutoCreate): Promise<NamedTopic> {
    const known = this.#table.get(topic)
    if (known && !this.#creating.has(topic)) return Promise.resolve(known)
    let creation = this.#creating.get(topic)
    if (!creation) {
      const example = this.#table.get(defaultTopic)
      if (!example || (example.perm & PERM_INHERIT) === 0)
        return Promise.reject(
          new ResponseError(
            'TOPIC_NOT_EXIST',
            `topic[${topic}] not exist, apply first please! The example topic ${defaultTopic} ${example ? 'may not be inherited' : 'does not exist'} on this broker`,
          ),
        )
      const queues = Math.max(1, Math.min(queueNums, example.writeQueueNums))
      const created = {
        ...topicConfig(topic, queues, example.perm & ~PERM_INHERIT),
        topicFilterType: example.topicFilterType,
      }
      creation = this.#create(created)
    }
    return creation
  }

  /** Creates `%RETRY%` and `%DLQ%` topics, which need no example. */
  createInternal(topic: string, queues: number, perm = PERM_READ | PERM_WRITE): Promise<NamedTopic> {
    const known = this.#table.get(topic)
    if (known && !this.#creating.has(topic)) return Promise.resolve(known)
    return this.#creating.get(topic) ?? this.#create(topicConfig(topic, queues, perm))
  }

  #create(config: NamedTopic): Promise<NamedTopic> {
    const creation = this.#store(config)
      .then(() => {
        this.onChange([config.topicName]).catch(error =>
          this.#world.log.warn({ error, topic: config.topicName }, 'the name servers do not know a new topic yet'),
        )
        return config
      })
      .finally(() => this.#creating.delete(config.topicName))
    this.#creating.set(config.topicName, creation)
    return creation
  }

  /** A change that cannot be written is taken back: memory never promises what a restart would not find. */
  async #store(config: NamedTopic): Promise<void> {
    const before = this.#table.get(config.topicName)
    this.#table.set(config.topicName, config)
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    try {
      await this.#file.save()
    } catch (error) {
      if (this.#table.get(config.topicName) === config) {
        if (before) this.#table.set(config.topicName, before)
        else this.#table.delete(config.topicName)
      }
      throw new ResponseError(
        'SYSTEM_ERROR',
        `topic ${config.topicName} cannot be stored: ${(error as Error).message}`,
        {
          cause: error,
        },
      )
    }
  }

  /** Writes the file now; for the clean stop and for a first start. */
  save(): Promise<void> {
    return this.#file.save()
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

  get options(): SystemTopicOptions {
    return this.#options
  }

  #print(): Uint8Array {
    return topicConfigSerializeWrapper.encode(this.snapshot())
  }
}
