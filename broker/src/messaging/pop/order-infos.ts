import { consumerOrderInfo, type OrderInfo } from '@rocketcluster/protocol'
import type { Clock, Log, World } from '@rocketcluster/world'
import { JsonFile } from '../../metadata/json-file.ts'
import { addOffsetOrderCount, addQueueOrderCount } from './extra-info.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Info = Mutable<OrderInfo>

/** What an acknowledgement of an ordered message means. */
export type OrderAck =
  /** The group's offset in the queue is this one now. */
  | { readonly kind: 'commit'; readonly nextOffset: number }
  /** It belongs to an earlier pop: nothing changes. */
  | { readonly kind: 'stale' }
  /** The last pop has not taken this offset. */
  | { readonly kind: 'illegal' }

/** A queue that nobody has popped in order for a day is forgotten (ConsumerOrderInfoManager.java). */
const FORGET_MS = 24 * 3600 * 1000

/**
 * Ordered pops: the last pop of each queue blocks it until all its messages are acknowledged or visible again
 * (ConsumerOrderInfoManager.java). Kept in `config/consumerOrderInfo.json`, written behind: without it after a crash, what was
 * in flight is delivered again at once, in order.
 */
export class OrderInfos {
  /** `topic@group` → queue id → its last ordered pop. */
  readonly #table = new Map<string, Map<number, Info>>()
  /** When blocked queues become free, by `topic@group@queueId`: somebody may wait for that. */
  readonly #freeAt = new Map<string, { topic: string; group: string; queueId: number; atMs: number }>()
  readonly #file: JsonFile
  readonly #clock: Clock
  #dirty = false

  private constructor(world: World, directory: string) {
    this.#clock = world.clock
    this.#file = new JsonFile(world.disk, directory, 'consumerOrderInfo.json', () => {
      this.#dirty = false
      return consumerOrderInfo.encode({ table: this.#table })
    })
  }

  /** `directory` is `<storePathRootDir>/config`. Throws when what is stored there cannot be read. */
  static async load(world: World, directory: string, log: Log): Promise<OrderInfos> {
    const infos = new OrderInfos(world, directory)
    const stored = await infos.#file.load(bytes => consumerOrderInfo.decode(bytes), log)
    for (const [key, queues] of stored?.table ?? []) {
      const at = key.indexOf('@')
      infos.#table.set(key, new Map([...queues].map(([queueId, info]) => [queueId, { ...info }])))
      for (const [queueId, info] of queues) infos.#willBeFree(key.slice(0, at), key.slice(at + 1), queueId, info)
    }
    return infos
  }

  /** Whether the queue may not be popped now. The same attempt again (a lost answer) may. */
  isBlocked(
    topic: string,
    group: string,
    queueId: number,
    attemptId: string | undefined,
    invisibleTime: number,
  ): boolean {
    const info = this.#table.get(`${topic}@${group}`)?.get(queueId)
    if (info === undefined || info.o.length === 0) return false
    if (info.a !== undefined && info.a === attemptId) return false
    if (info.i === undefined || info.i <= 0) info.i = invisibleTime
    const now = this.#clock.now()
    return info.o.some((_, index) => !isAcked(info, index) && now < visibleAt(info, index))
  }

  /**
   * A pop took these messages. Returns what of `orderCountInfo` tells the consumer how often each was consumed before.
   */
  popped(pop: {
    readonly topic: string
    readonly group: string
    readonly queueId: number
    readonly attemptId: string | undefined
    readonly popTime: number
    readonly invisibleTime: number
    readonly queueOffsets: readonly number[]
  }): string {
    const { topic, group, queueId, queueOffsets } = pop
    const key = `${topic}@${group}`
    let queues = this.#table.get(key)
    if (queues === undefined) this.#table.set(key, (queues = new Map()))
    const before = queues.get(queueId)
    const first = queueOffsets[0]!
    const info: Info = {
      a: pop.attemptId,
      cm: 0n,
      i: pop.invisibleTime,
      l: this.#clock.now(),
      o: queueOffsets.map((offset, i) => (i === 0 ? first : offset - first)),
      oc: before === undefined ? undefined : consumedBefore(before, pop.attemptId, queueOffsets),
      ot: undefined,
      popTime: pop.popTime,
    }
    queues.set(queueId, info)
    this.#dirty = true
    this.#willBeFree(topic, group, queueId, info)
    let text = ''
    let least = info.oc === undefined || info.oc.size !== queueOffsets.length ? 0 : Number.POSITIVE_INFINITY
    for (const [offset, count] of info.oc ?? []) {
      text = addOffsetOrderCount(text, topic, queueId, offset, count)
      least = Math.min(least, count)
    }
    return addQueueOrderCount(text, topic, queueId, Number.isFinite(least) ? least : 0)
  }

  /** One message was consumed. */
  acknowledge(topic: string, group: string, queueId: number, queueOffset: number, popTime: number): OrderAck {
    const info = this.#table.get(`${topic}@${group}`)?.get(queueId)
    // Lost in a crash, before it was saved: the pop is repeated. Apache goes on behind this message, past what lies before it.
    if (info === undefined) return { kind: 'stale' }
    if (info.o.length === 0) return { kind: 'illegal' }
    if (info.popTime !== popTime) return { kind: 'stale' }
    const index = info.o.findIndex((_, i) => offsetAt(info, i) === queueOffset)
    if (index < 0) return { kind: 'illegal' }
    info.cm |= 1n << BigInt(index)
    this.#dirty = true
    this.#willBeFree(topic, group, queueId, info)
    const open = info.o.findIndex((_, i) => !isAcked(info, i))
    const nextOffset = open < 0 ? offsetAt(info, info.o.length - 1) + 1 : offsetAt(info, open)
    return { kind: 'commit', nextOffset }
  }

  /** One message becomes visible at another time than the rest of its pop. */
  changeVisibleTime(topic: string, group: string, queueId: number, queueOffset: number, popTime: number, atMs: number) {
    const info = this.#table.get(`${topic}@${group}`)?.get(queueId)
    if (info === undefined || info.popTime !== popTime) return
    const times = new Map(info.ot)
    times.set(queueOffset, atMs)
    info.ot = times
    this.#dirty = true
    this.#willBeFree(topic, group, queueId, info)
  }

  /** An operator has set the group's offset: what was in flight blocks nothing. */
  clear(topic: string, group: string, queueId: number): void {
    if (this.#table.get(`${topic}@${group}`)?.delete(queueId)) this.#dirty = true
  }

  /** The topic is gone: one of the same name begins anew. */
  forgetTopic(topic: string): void {
    for (const key of this.#table.keys()) if (key.startsWith(`${topic}@`) && this.#table.delete(key)) this.#dirty = true
  }

  #willBeFree(topic: string, group: string, queueId: number, info: OrderInfo): void {
    let atMs = 0
    for (let i = 0; i < info.o.length; i++) if (!isAcked(info, i)) atMs = Math.max(atMs, visibleAt(info, i))
    const key = `${topic}@${group}@${queueId}`
    if (atMs > this.#clock.now()) this.#freeAt.set(key, { topic, group, queueId, atMs })
    else this.#freeAt.delete(key)
  }

  /** Queues whose messages have become visible again since the last call. */
  takeFreed(): { topic: string; group: string; queueId: number }[] {
    if (this.#freeAt.size === 0) return []
    const now = this.#clock.now()
    const freed = [...this.#freeAt].filter(([, { atMs }]) => atMs <= now)
    for (const [key] of freed) this.#freeAt.delete(key)
    return freed.map(([, queue]) => queue)
  }

  /** Forgets queues of topics or groups that are gone, and those not used for a day. */
  clean(exists: (topic: string, group: string) => boolean, readQueuesOf: (topic: string) => number): void {
    const oldest = this.#clock.now() - FORGET_MS
    for (const [key, queues] of this.#table) {
      const at = key.indexOf('@')
      const topic = key.slice(0, at)
      if (!exists(topic, key.slice(at + 1))) queues.clear()
      for (const [queueId, info] of queues)
        if (queueId >= readQueuesOf(topic) || info.l < oldest) {
          queues.delete(queueId)
          this.#dirty = true
        }
      if (queues.size === 0 && this.#table.delete(key)) this.#dirty = true
    }
  }

  /** Resolves when all changes so far are on disk. Throws DiskError; they stay due then. */
  async flush(): Promise<void> {
    if (!this.#dirty) return
    await this.#file.save().catch(error => {
      this.#dirty = true
      throw error
    })
  }
}

const offsetAt = (info: OrderInfo, index: number) => (index === 0 ? info.o[0]! : info.o[0]! + info.o[index]!)
const isAcked = (info: OrderInfo, index: number) => ((info.cm >> BigInt(index)) & 1n) === 1n
const visibleAt = (info: OrderInfo, index: number) =>
  info.ot?.get(offsetAt(info, index)) ?? info.popTime + (info.i ?? 0)

/** OrderInfo#mergeOffsetConsumedCount: what was in the pop before has been consumed once more than it had been then. */
function consumedBefore(
  before: OrderInfo,
  attemptId: string | undefined,
  queueOffsets: readonly number[],
): Map<number, number> {
  if (before.a !== undefined && before.a === attemptId) return new Map(before.oc)
  const earlier = new Set(before.o.map((_, i) => offsetAt(before, i)))
  const counts = new Map<number, number>()
  for (const offset of queueOffsets) if (earlier.has(offset)) counts.set(offset, (before.oc?.get(offset) ?? 0) + 1)
  return counts
}
