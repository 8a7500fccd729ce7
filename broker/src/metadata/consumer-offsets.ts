import { consumerOffset } from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from './data-version.ts'
import { JsonFile } from './json-file.ts'

/**
 * How far each consumer group has come in each queue: `config/consumerOffset.json` (ConsumerOffsetManager.java).
 * Written behind every flushConsumerOffsetInterval: losing the last seconds means delivering some messages again,
 * which at-least-once allows.
 */
export class ConsumerOffsets {
  /** `topic@group` → queue id → next offset to consume */
  readonly #table = new Map<string, Map<number, number>>()
  /** As above, set by a reset on the server; wins once over what the consumer commits. */
  readonly #resets = new Map<string, Map<number, number>>()
  /** Topic → group → by queue id, what its consumers will pull next. Not saved: they say so again with their next pull. */
  readonly #pulled = new Map<string, Map<string, number[]>>()
  /** Told once a reset is on disk; who asked for it waits. */
  onReset: () => Promise<void> = async () => {}
  readonly #file: JsonFile
  readonly #world: World
  #dirty = false
  #saving: Promise<void> | undefined
  dataVersion: DataVersion

  private constructor(world: World, directory: string) {
    this.#world = world
    this.dataVersion = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, directory, 'consumerOffset.json', () => {
      this.#dirty = false
      return consumerOffset.encode(this.snapshot())
    })
  }

  static async load(world: World, directory: string, log: Log): Promise<ConsumerOffsets> {
    const offsets = new ConsumerOffsets(world, directory)
    const stored = await offsets.#file.load(bytes => consumerOffset.decode(bytes), log)
    for (const [key, queues] of stored?.offsetTable ?? []) offsets.#table.set(key, queues)
    if (stored?.dataVersion) offsets.dataVersion = { ...stored.dataVersion }
    return offsets
  }

  /** undefined when the group never committed there. */
  query(group: string, topic: string, queueId: number): number | undefined {
    const key = `${topic}@${group}`
    return this.#resets.get(key)?.get(queueId) ?? this.#table.get(key)?.get(queueId)
  }

  /**
   * Takes the consumer's word, also backwards (Apache does; a consumer may seek). Returns false when a reset on the
   * server is pending: then the commit is ignored, since it speaks of what was consumed before the reset.
   */
  commit(group: string, topic: string, queueId: number, queueOffset: number): boolean {
    const key = `${topic}@${group}`
    if (this.#resets.get(key)?.has(queueId)) return false
    this.#set(key, queueId, queueOffset)
    return true
  }

  /** A consumer has been given everything before `queueOffset`. */
  pulled(group: string, topic: string, queueId: number, queueOffset: number): void {
    let groups = this.#pulled.get(topic)
    if (!groups) this.#pulled.set(topic, (groups = new Map()))
    const queues = groups.get(group)
    if (queues) queues[queueId] = queueOffset
    else {
      const first: number[] = []
      first[queueId] = queueOffset
      groups.set(group, first)
    }
  }

  /** Everything before it has been given to a consumer, or is committed; undefined when neither is known. */
  pullOffset(group: string, topic: string, queueId: number): number | undefined {
    const committed = this.query(group, topic, queueId)
    const pulled = this.#pulled.get(topic)?.get(group)?.[queueId]
    return committed === undefined || pulled === undefined ? (pulled ?? committed) : Math.max(committed, pulled)
  }

  /**
   * A reset by an operator, by queue id: what consumers commit is ignored until one of them has pulled from the new
   * offset. Resolves when it is on disk. Throws DiskError; the group goes on where it was then.
   */
  async reset(group: string, topic: string, targets: ReadonlyMap<number, number>): Promise<void> {
    const key = `${topic}@${group}`
    const before = new Map([...targets.keys()].map(queueId => [queueId, this.#table.get(key)?.get(queueId)]))
    let resets = this.#resets.get(key)
    if (!resets) this.#resets.set(key, (resets = new Map()))
    for (const [queueId, target] of targets) {
      resets.set(queueId, target)
      this.#set(key, queueId, target)
      this.#pulled.get(topic)?.delete(group)
    }
    try {
      await this.flush()
    } catch (error) {
      for (const [queueId, target] of targets) this.#undoReset(key, queueId, target, before.get(queueId))
      throw error
    }
    await this.onReset()
  }

  /** What a consumer has picked up, or another reset has replaced, stays. */
  #undoReset(key: string, queueId: number, target: number, before: number | undefined): void {
    const resets = this.#resets.get(key)
    if (resets?.get(queueId) !== target) return
    resets.delete(queueId)
    if (resets.size === 0) this.#resets.delete(key)
    if (before !== undefined) this.#set(key, queueId, before)
    else this.#table.get(key)?.delete(queueId)
  }

  /** Takes a pending reset off, to be told to the consumer that pulls this queue. */
  takeReset(group: string, topic: string, queueId: number): number | undefined {
    if (this.#resets.size === 0) return undefined
    const key = `${topic}@${group}`
    const queues = this.#resets.get(key)
    const queueOffset = queues?.get(queueId)
    if (queues && queueOffset !== undefined) {
      queues.delete(queueId)
      if (queues.size === 0) this.#resets.delete(key)
    }
    return queueOffset
  }

  #set(key: string, queueId: number, queueOffset: number): void {
    let queues = this.#table.get(key)
    if (!queues) this.#table.set(key, (queues = new Map()))
    if (queues.get(queueId) === queueOffset) return
    queues.set(queueId, queueOffset)
    this.#dirty = true
  }

  /** Queue id → offset of one group in one topic. */
  queuesOf(group: string, topic: string): ReadonlyMap<number, number> | undefined {
    return this.#table.get(`${topic}@${group}`)
  }

  /** Every topic and group with the offsets committed there, by queue id. */
  *entries(): Generator<[topic: string, group: string, queues: ReadonlyMap<number, number>]> {
    for (const [key, queues] of this.#table) {
      const at = key.indexOf('@')
      yield [key.slice(0, at), key.slice(at + 1), queues]
    }
  }

  topicsOf(group: string): string[] {
    const suffix = `@${group}`
    return [...this.#table.keys()].filter(key => key.endsWith(suffix)).map(key => key.slice(0, -suffix.length))
  }

  groupsOf(topic: string): string[] {
    const prefix = `${topic}@`
    return [...this.#table.keys()].filter(key => key.startsWith(prefix)).map(key => key.slice(prefix.length))
  }

  /** The target goes on where the source would: a reset that either has not picked up yet is part of that. */
  clone(sourceGroup: string, targetGroup: string, topic: string): void {
    const key = `${topic}@${targetGroup}`
    for (const queueId of this.#table.get(`${topic}@${sourceGroup}`)?.keys() ?? []) {
      this.#set(key, queueId, this.query(sourceGroup, topic, queueId)!)
      this.#resets.get(key)?.delete(queueId)
    }
  }

  deleteGroup(group: string): void {
    for (const topic of this.topicsOf(group)) this.#forget(`${topic}@${group}`)
    for (const groups of this.#pulled.values()) groups.delete(group)
  }

  deleteTopic(topic: string): void {
    for (const group of this.groupsOf(topic)) this.#forget(`${topic}@${group}`)
    this.#pulled.delete(topic)
  }

  #forget(key: string): void {
    this.#resets.delete(key)
    if (this.#table.delete(key)) this.#dirty = true
  }

  /** Whether something has changed since `dataVersion`. */
  get dirty(): boolean {
    return this.#dirty
  }

  /** Takes over what a master has, in place of everything here. On disk with the next `flush`. */
  adopt(offsetTable: ReadonlyMap<string, ReadonlyMap<number, number>>, dataVersion: DataVersion): void {
    this.#table.clear()
    for (const [key, queues] of offsetTable) this.#table.set(key, new Map(queues))
    this.dataVersion = { ...dataVersion }
    this.#dirty = true
  }

  /**
   * No offset stays beyond the end of its queue: after a failover that lost messages (asynchronous replication) new ones would
   * be taken for consumed. Returns how many there were.
   */
  clamp(maxOffset: (topic: string, queueId: number) => number): number {
    let clamped = 0
    for (const [key, queues] of this.#table) {
      const topic = key.slice(0, key.indexOf('@'))
      for (const [queueId, queueOffset] of queues) {
        const max = maxOffset(topic, queueId)
        if (queueOffset <= max) continue
        queues.set(queueId, max)
        this.#dirty = true
        clamped++
      }
    }
    return clamped
  }

  /** Resolves when all changes so far are on disk; writes only when there are any. Throws DiskError; they stay due then. */
  flush(): Promise<void> {
    // What is on its way may hold the caller's change: then it counts only when it has arrived.
    if (!this.#dirty) return this.#saving ?? Promise.resolve()
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    const saving = this.#file
      .save()
      .catch(error => {
        this.#dirty = true
        throw error
      })
      .finally(() => {
        if (this.#saving === saving) this.#saving = undefined
      })
    this.#saving = saving
    return saving
  }

  snapshot() {
    const groupTopicMap = new Map<string, string[]>()
    for (const [topic, group] of this.entries()) {
      const topics = groupTopicMap.get(group)
      if (topics) topics.push(topic)
      else groupTopicMap.set(group, [topic])
    }
    return { dataVersion: this.dataVersion, groupTopicMap, offsetTable: this.#table }
  }
}
