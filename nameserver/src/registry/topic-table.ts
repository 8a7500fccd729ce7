import type { QueueData, TopicQueueMappingInfo } from '@rocketcluster/protocol'
import type { RegisteredTopic } from './types.ts'

interface Topic {
  readonly name: string
  /** By broker name. QueueData are never changed once made. */
  readonly queues: Map<string, Readonly<QueueData>>
  mappings?: Map<string, TopicQueueMappingInfo>
}

/** The topics of one broker group, and the distinct QueueData among them. */
interface BrokerTopics {
  readonly topics: Set<Topic>
  readonly interned: Map<string, Readonly<QueueData>>
}

/**
 * Which broker group holds how many queues of which topic, indexed both ways: a group that leaves costs only its own
 * topics. A group's topics mostly look alike, so equal QueueData are one object: a million of them cost two map entries
 * each and nothing else.
 */
export class TopicTable {
  readonly #topics = new Map<string, Topic>()
  readonly #brokers = new Map<string, BrokerTopics>()
  /** Grows with every change that a route or a topic list could show. */
  revision = 0

  get size(): number {
    return this.#topics.size
  }

  names(): IterableIterator<string> {
    return this.#topics.keys()
  }

  queues(topic: string): ReadonlyMap<string, Readonly<QueueData>> | undefined {
    return this.#topics.get(topic)?.queues
  }

  mappings(topic: string): Map<string, TopicQueueMappingInfo> | undefined {
    return this.#topics.get(topic)?.mappings
  }

  has(topic: string, brokerName: string): boolean {
    return this.#topics.get(topic)?.queues.has(brokerName) ?? false
  }

  *topicsOf(brokerName: string): Generator<string> {
    for (const topic of this.#brokers.get(brokerName)?.topics ?? []) yield topic.name
  }

  /** Sets the queues of one topic on one group; `perm` overrides the topic's own. */
  put(brokerName: string, config: RegisteredTopic, perm: number = config.perm): void {
    let topic = this.#topics.get(config.topicName)
    if (!topic) {
      topic = { name: config.topicName, queues: new Map() }
      this.#topics.set(topic.name, topic)
    }
    let broker = this.#brokers.get(brokerName)
    if (!broker) {
      broker = { topics: new Set(), interned: new Map() }
      this.#brokers.set(brokerName, broker)
    }
    const queueData = intern(broker, {
      brokerName,
      readQueueNums: config.readQueueNums,
      writeQueueNums: config.writeQueueNums,
      perm,
      topicSysFlag: config.topicSysFlag ?? 0,
    })
    if (topic.queues.get(brokerName) === queueData) return
    topic.queues.set(brokerName, queueData)
    broker.topics.add(topic)
    this.revision++
  }

  /** Remembers a static topic's mapping; only of topics that are known, with which it is forgotten. */
  putMapping(topicName: string, brokerName: string, mapping: TopicQueueMappingInfo): void {
    const topic = this.#topics.get(topicName)
    if (!topic) return
    topic.mappings ??= new Map()
    topic.mappings.set(brokerName, mapping)
    this.revision++
  }

  /** Applies `change` to the perm of all topics of a group; returns how many topics it has. */
  changePerm(brokerName: string, change: (perm: number) => number): number {
    const broker = this.#brokers.get(brokerName)
    if (!broker) return 0
    for (const topic of broker.topics) {
      const queueData = topic.queues.get(brokerName)
      if (!queueData) continue
      const perm = change(queueData.perm)
      if (perm === queueData.perm) continue
      topic.queues.set(brokerName, intern(broker, { ...queueData, perm }))
      this.revision++
    }
    return broker.topics.size
  }

  /** Forgets one topic on one group. */
  remove(topicName: string, brokerName: string): void {
    const topic = this.#topics.get(topicName)
    if (topic) this.#detach(topic, brokerName)
  }

  removeTopic(topicName: string): void {
    const topic = this.#topics.get(topicName)
    if (!topic) return
    for (const brokerName of [...topic.queues.keys()]) this.#detach(topic, brokerName)
  }

  /** Forgets a group with all its topics. */
  removeBroker(brokerName: string): void {
    for (const topic of [...(this.#brokers.get(brokerName)?.topics ?? [])]) this.#detach(topic, brokerName)
  }

  #detach(topic: Topic, brokerName: string): void {
    if (!topic.queues.delete(brokerName)) return
    this.revision++
    if (topic.queues.size === 0) this.#topics.delete(topic.name)
    const broker = this.#brokers.get(brokerName)
    broker?.topics.delete(topic)
    if (broker?.topics.size === 0) this.#brokers.delete(brokerName)
  }
}

/** Far more than differing topics ever need; a group beyond it starts over instead of growing with its history. */
const MAX_INTERNED = 4096

function intern(broker: BrokerTopics, queueData: QueueData): Readonly<QueueData> {
  const key = `${queueData.readQueueNums},${queueData.writeQueueNums},${queueData.perm},${queueData.topicSysFlag}`
  const known = broker.interned.get(key)
  if (known) return known
  if (broker.interned.size >= MAX_INTERNED) broker.interned.clear()
  broker.interned.set(key, queueData)
  return queueData
}
