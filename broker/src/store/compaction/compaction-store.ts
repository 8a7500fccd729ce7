import {
  checkRecord,
  javaHashUtf8,
  PropertyFinder,
  recordStoreTimestamp,
  recordTotalSize,
} from '@rocketcluster/protocol/internal'
import type { World } from '@rocketcluster/world'
import { unitOffset } from '../cq-unit.ts'
import { eachLimited } from '../each-limited.ts'
import { makeDurableDirectory } from '../make-directory.ts'
import { OpenFiles } from '../open-files.ts'
import type { Store } from '../store.ts'
import type { CompactionLog, CompactionParts } from './compaction-log.ts'
import { compactionPass, type MayGoOn } from './compaction-pass.ts'
import { compactionFileSizes } from './file-sizes.ts'
import { Gate } from './gate.ts'
import { cutLog, directoriesOf, loadLog } from './load-log.ts'
import { Positions } from './positions.ts'
import { abandonCompacting, applyReplacement, compactingIn, writeMark } from './replacement.ts'
import type { Kept, Segment } from './segments.ts'
import { DamagedUnits, UnitCache } from './unit-cache.ts'

/** How often new messages are copied. */
const COPY_MS = 1000
/** Bytes copied at once. */
const COPY_BYTES = 1024 * 1024
/** Bytes gathered before everything else has its turn. */
const TURN_BYTES = 128 * 1024
const OPEN_CONCURRENCY = 8
const MAX_OPEN_FILES = 64
const TAGS = 0
const KEYS = 1

/** A topic of which each queue is to be compacted. */
export interface CompactedTopic {
  readonly topic: string
  readonly queues: number
}

export interface CompactionConfig {
  readonly storePathRootDir: string
  readonly compactionMappedFileSize: number
  readonly compactionCqMappedFileSize: number
  /** Milliseconds between runs; read before each. */
  readonly compactionScheduleInternal: number
  /** Bytes of memory for the keys of one pass; read before each. */
  readonly maxOffsetMapSize: number
}

/** What a run did with one queue. */
interface RunTotals {
  passes: number
  kept: number
  removed: number
  removedBytes: number
}

/** Thrown to end a run that is not wanted any more. */
class Stopped extends Error {}

const isBlank = (bytes: Uint8Array): boolean => Buffer.from(bytes).toString().trim() === ''

/**
 * The queues of compaction topics (CompactionStore.java): copies what comes from the commit log into a log per queue, removes
 * from that, now and then, what a newer message of the same key has replaced, and answers for what the commit log has
 * lost. See docs/compaction.md for what holds at which moment.
 */
export class CompactionStore {
  readonly #world: World
  readonly #store: Store
  readonly #config: CompactionConfig
  readonly #topics: () => Iterable<CompactedTopic>
  readonly #root: string
  readonly #parts: CompactionParts
  readonly #logs = new Map<string, Map<number, CompactionLog>>()
  readonly #deleting = new Set<string>()
  #stopped = true
  /** Copying and compacting, each at most once at a time. */
  #copying: Promise<void> | undefined
  #running: Promise<void> | undefined
  #loops: AbortController | undefined
  /** Queues that could not be copied the last time: said once. */
  readonly #failing = new Set<string>()

  /**
   * Finds what there is, and lets `store` read it. `topics` are those with cleanup.policy=COMPACTION, asked for again and
   * again. Rejects with DiskError, and with an Error naming a file that does not fit the configuration.
   */
  static async open(
    world: World,
    store: Store,
    config: CompactionConfig,
    topics: () => Iterable<CompactedTopic>,
  ): Promise<CompactionStore> {
    const root = `${config.storePathRootDir}/compaction`
    const files = new OpenFiles(world.disk, MAX_OPEN_FILES, world.log)
    const parts: CompactionParts = {
      world,
      disk: world.disk,
      files,
      sizes: compactionFileSizes(config),
      log: store.logQueues,
      positions: await Positions.load(world, root),
      units: new UnitCache(files),
      limits: store.config,
      readers: new Gate(store.config.maxConcurrentColdReads),
      damaged: () => store.stats.damagedRecords++,
    }
    const compaction = new CompactionStore(world, store, config, topics, root, parts)
    try {
      await compaction.#load()
    } catch (error) {
      await files.close()
      throw error
    }
    return compaction
  }

  private constructor(
    world: World,
    store: Store,
    config: CompactionConfig,
    topics: () => Iterable<CompactedTopic>,
    root: string,
    parts: CompactionParts,
  ) {
    this.#world = world
    this.#store = store
    this.#config = config
    this.#topics = topics
    this.#root = root
    this.#parts = parts
  }

  async #load(): Promise<void> {
    const queues: { topic: string; queueId: number }[] = []
    const known = new Set<string>()
    for (const { topic } of this.#topics()) {
      known.add(topic)
      const directory = `${this.#root}/compactionLog/${topic}`
      if ((await this.#world.disk.stat(directory)) === undefined) continue
      for (const { kind, name } of await this.#world.disk.list(directory))
        if (kind === 'directory' && /^(0|[1-9]\d{0,9})$/.test(name)) queues.push({ topic, queueId: Number(name) })
    }
    await eachLimited(queues, OPEN_CONCURRENCY, async ({ topic, queueId }) => {
      const log = await loadLog(this.#parts, topic, queueId, directoriesOf(this.#root, topic, queueId))
      await this.#agree(log)
      this.#add(log)
    })
    const directory = `${this.#root}/compactionLog`
    if ((await this.#world.disk.stat(directory)) === undefined) return
    for (const { kind, name } of await this.#world.disk.list(directory))
      if (kind === 'directory' && !known.has(name))
        this.#world.log.warn(
          { topic: name, path: `${directory}/${name}` },
          'there is a compaction log of a topic that is none of cleanup.policy=COMPACTION: it is left alone',
        )
  }

  /** Has what the commit log has, as far as that goes back. Rejects with DiskError. */
  async #agree(log: CompactionLog): Promise<void> {
    try {
      await log.inTurn(() => this.#cutToLog(log))
    } catch (error) {
      if (!(error instanceof DamagedUnits)) throw error
      await log.repair(error.segment)
      await log.inTurn(() => this.#cutToLog(log))
    }
  }

  /** What the commit log has lost (in a power cut, or because another master had other messages) must not stay here. */
  async #cutToLog(log: CompactionLog): Promise<void> {
    const { topic, queueId } = log
    const max = this.#store.maxOffset(topic, queueId)
    if (log.copiedTo <= max) return this.#cutToSame(log)
    if (max === 0 && log.position >= 0 && (await this.#isOlderThanLog(log))) {
      this.#world.log.warn(
        { topic, queueId, nextOffset: log.copiedTo },
        'only the compaction log knows a queue any more, as its consume queue is gone: offsets go on behind it',
      )
      this.#store.startEmptyAt(topic, queueId, log.copiedTo)
      return
    }
    this.#world.log.error(
      { topic, queueId, copiedTo: log.copiedTo, maxOffset: max },
      'a compaction log has messages that the commit log has lost: they are removed',
    )
    await cutLog(log, max)
    await this.#cutToSame(log)
  }

  /**
   * Where both have a message at an offset it must be the same: not one of a topic that was deleted, nor one that another
   * master took back. What is cut here too much is copied again.
   */
  async #cutToSame(log: CompactionLog): Promise<void> {
    const { topic, queueId } = log
    for (let step = 1; ; step *= 2) {
      const last = log.segments.list.at(-1)?.lastOffset ?? -1
      const inLogFrom = this.#parts.log.minOffset(topic, queueId)
      if (last < inLogFrom) return
      const [copy, original] = [await log.next(last), await log.original(last)]
      if (original === undefined || copy?.storeTimestamp === recordStoreTimestamp(original, 0)) return
      this.#world.log.error(
        { topic, queueId, queueOffset: last },
        'a compaction log has another message than the commit log: it is copied again from there',
      )
      await cutLog(log, Math.max(inLogFrom, last - step + 1))
    }
  }

  /** Whether all messages of the queue are older than what the commit log still has. */
  async #isOlderThanLog(log: CompactionLog): Promise<boolean> {
    const last = await log.next(log.copiedTo - 1)
    const earliest = await this.#store.earliestStoreTimestamp()
    return last !== undefined && (earliest < 0 || last.storeTimestamp < earliest)
  }

  #add(log: CompactionLog): void {
    const { topic, queueId } = log
    const queues = this.#logs.get(topic) ?? new Map<number, CompactionLog>()
    queues.set(queueId, log)
    this.#logs.set(topic, queues)
    this.#store.attachCompacted(topic, queueId, log)
  }

  // ---- life

  /** Copies and compacts from now on, until `stop`. What may be read does not depend on it. */
  async start(): Promise<void> {
    if (!this.#stopped) return
    this.#stopped = false
    // Another life of this store may have ended with fewer messages than were copied.
    for (const log of this.#all()) await this.#agree(log)
    this.#loops = new AbortController()
    const { signal } = this.#loops
    const loop = async (pause: () => number, run: () => Promise<void>) => {
      while (!signal.aborted) {
        try {
          await this.#world.clock.sleep(pause(), signal)
        } catch {
          return
        }
        if (!signal.aborted) await run()
      }
    }
    void loop(
      () => COPY_MS,
      () => this.copy(),
    )
    void loop(
      () => this.#config.compactionScheduleInternal,
      () => this.compact(),
    )
  }

  /** Copies what is there, so that the directory is whole, and lets go of the files' handles. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#loops?.abort()
    await this.#running
    await this.#copying
    await this.#store.flush().catch(() => {})
    await this.copy()
    await this.#parts.files.forget('/')
  }

  /** Which of a topic's messages have to stay in the commit log: those that are not copied yet. Rejects when nobody can tell now. */
  async neededFrom(): Promise<number> {
    let from = Number.POSITIVE_INFINITY
    for (const { topic, queues } of this.#topics())
      for (const queueId of this.#queueIds(topic, queues)) {
        const copiedTo = this.#logs.get(topic)?.get(queueId)?.copiedTo ?? 0
        const at = Math.max(copiedTo, this.#parts.log.minOffset(topic, queueId))
        if (at >= this.#store.maxOffset(topic, queueId)) continue
        const units = await this.#store.entries(topic, queueId, at, 1)
        if (units.count > 0) from = Math.min(from, unitOffset(units.buffer, units.start))
      }
    return from
  }

  /** Removes all that there is of a topic. Rejects with DiskError; to be tried again then. */
  async deleteTopic(topic: string): Promise<void> {
    const logs = [...(this.#logs.get(topic)?.values() ?? [])]
    this.#logs.delete(topic)
    this.#deleting.add(topic)
    try {
      for (const log of logs) log.deleted = true
      // What runs over it notices, and ends.
      for (const log of logs) await log.inTurn(async () => {})
      if (this.#compacting?.topic === topic) await this.#compacting.done
      if (this.#parts.positions.forget(topic)) await this.#parts.positions.save()
      for (const kind of ['compactionLog', 'compactionCq']) {
        const directory = `${this.#root}/${kind}/${topic}`
        await this.#parts.files.forget(`${directory}/`)
        if ((await this.#world.disk.stat(directory)) === undefined) continue
        await this.#world.disk.removeTree(directory)
        await this.#world.disk.syncDirectory(`${this.#root}/${kind}`)
      }
    } finally {
      this.#deleting.delete(topic)
    }
  }

  *#all(): Iterable<CompactionLog> {
    for (const logs of this.#logs.values()) yield* logs.values()
  }

  /** Queues may have become fewer since some of them got messages. */
  #queueIds(topic: string, queues: number): Set<number> {
    return new Set([...Array(queues).keys(), ...(this.#logs.get(topic)?.keys() ?? [])])
  }

  // ---- copying

  /** Copies every message that a power cut cannot take any more. Never rejects: what failed is tried again the next time. */
  copy(): Promise<void> {
    this.#copying ??= this.#copyAll().finally(() => (this.#copying = undefined))
    return this.#copying
  }

  async #copyAll(): Promise<void> {
    for (const { topic, queues } of [...this.#topics()]) {
      if (this.#deleting.has(topic)) continue
      for (const queueId of this.#queueIds(topic, queues)) {
        if (this.#store.maxOffset(topic, queueId) === 0) continue
        const name = `${topic}_${queueId}`
        try {
          await this.#copyQueue(this.#logs.get(topic)?.get(queueId) ?? (await this.#openQueue(topic, queueId)))
          this.#failing.delete(name)
        } catch (error) {
          if (!this.#failing.has(name) && !this.#deleting.has(topic))
            this.#world.log.error({ error, topic, queueId }, 'messages cannot be copied for compaction; trying again')
          this.#failing.add(name)
        }
      }
    }
  }

  /** A queue that got its first message. An attempt to delete a topic of its name may have left files. */
  async #openQueue(topic: string, queueId: number): Promise<CompactionLog> {
    const log = await loadLog(this.#parts, topic, queueId, directoriesOf(this.#root, topic, queueId))
    await this.#agree(log)
    if (this.#store.maxOffset(topic, queueId) === 0) log.deleted = true
    else this.#add(log)
    return log
  }

  async #copyQueue(log: CompactionLog): Promise<void> {
    const { topic, queueId } = log
    if (log.pending !== undefined) await log.inTurn(() => this.#finish(log))
    if (log.copiedTo > this.#store.maxOffset(topic, queueId)) await this.#agree(log)
    while (!log.deleted && log.copiedTo < this.#store.maxOffset(topic, queueId)) {
      const goesOn = await log.inTurn(() => this.#copySome(log))
      if (!goesOn) return
    }
  }

  /** Messages before it are never taken back: what a newer one has replaced may go. */
  get #durableOffset(): number {
    return this.#store.finalOffset
  }

  /** Returns whether there may be more. */
  async #copySome(log: CompactionLog): Promise<boolean> {
    const { topic, queueId } = log
    const inLogFrom = this.#parts.log.minOffset(topic, queueId)
    if (inLogFrom > log.copiedTo && log.copiedTo > 0)
      this.#world.log.error(
        { topic, queueId, copiedTo: log.copiedTo, inLogFrom },
        'messages have left the commit log before they were copied for compaction: they are lost',
      )
    let next = Math.max(log.copiedTo, inLogFrom)
    const messages: Kept[] = []
    let bytes = 0
    let turnBytes = 0
    let mayBeMore = true
    const durable = this.#durableOffset
    const max = this.#store.maxOffset(topic, queueId)
    while (mayBeMore && bytes < COPY_BYTES && next < max) {
      const found = await this.#parts.log.get({ topic, queueId, queueOffset: next, maxCount: 1024 })
      try {
        let stoppedAt = found.nextBeginOffset
        for (const slice of found.records) {
          const records = Buffer.from(slice)
          for (let at = 0; mayBeMore && at < records.length; at += recordTotalSize(records, at)) {
            const check = checkRecord(records, at, records.length, false)
            if (check.kind !== 'record') break
            if (check.physicalOffset + check.size > durable) {
              mayBeMore = false
              stoppedAt = check.queueOffset
              break
            }
            const message = this.#keptOf(records, at, check)
            if (message === undefined) continue
            messages.push(message)
            bytes += check.size
          }
        }
        if (stoppedAt <= next) mayBeMore = false
        next = Math.max(next, stoppedAt)
      } finally {
        found.release()
      }
      if (bytes - turnBytes <= TURN_BYTES) continue
      turnBytes = bytes
      await new Promise<void>(resolve => this.#world.clock.setImmediate(resolve))
    }
    if (log.deleted) return false
    try {
      await log.segments.append(messages)
      log.copiedTo = next
    } finally {
      // One that failed may have filled some segments before.
      log.copiedTo = Math.max(log.copiedTo, (log.segments.list.at(-1)?.lastOffset ?? -1) + 1)
    }
    return mayBeMore
  }

  /** undefined for a message without a key, which no producer can send but a store of another broker may have. */
  #keptOf(records: Buffer, at: number, check: ReturnType<typeof checkRecord> & { kind: 'record' }): Kept | undefined {
    const { propertiesAt, propertiesLength, queueOffset, storeTimestamp, size } = check
    const properties = this.#properties
    properties.scan(records, propertiesAt, propertiesAt + propertiesLength)
    if (!properties.has(KEYS) || isBlank(records.subarray(properties.starts[KEYS]!, properties.ends[KEYS]!)))
      return undefined
    const tagsCode = properties.has(TAGS) ? javaHashUtf8(records, properties.starts[TAGS]!, properties.ends[TAGS]!) : 0
    return { record: records.subarray(at, at + size), queueOffset, storeTimestamp, tagsCode }
  }

  readonly #properties = new PropertyFinder('TAGS', 'KEYS')

  // ---- compacting

  #compacting: { readonly topic: string; readonly done: Promise<void> } | undefined

  /** One run over all queues. Never rejects: what failed stays as it was and is tried again in the next run. */
  compact(): Promise<void> {
    this.#running ??= this.#compactAll().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #compactAll(): Promise<void> {
    for (const log of [...this.#all()]) {
      if (this.#stopped) return
      if (log.deleted) continue
      const done = this.#compactQueue(log)
      this.#compacting = { topic: log.topic, done: done.catch(() => {}) }
      try {
        await done
      } catch (error) {
        const { topic, queueId } = log
        if (!(error instanceof Stopped))
          this.#world.log.error(
            { error, topic, queueId },
            'compacting a queue failed: it stays as it was until the next run',
          )
      } finally {
        this.#compacting = undefined
      }
    }
  }

  async #compactQueue(log: CompactionLog): Promise<void> {
    const { topic, queueId, parts } = log
    const { disk, files, world } = parts
    const startedMs = world.clock.monotonicMs()
    const sealed = await log.inTurn(async () => {
      await this.#finish(log)
      if (!isWorthIt(log)) return []
      await log.segments.seal()
      return [...log.segments.list]
    })
    if (sealed.length === 0) return
    const last = sealed.at(-1)!.lastOffset
    const mayGoOn: MayGoOn = () => {
      if (log.deleted || this.#stopped) throw new Stopped()
    }
    const bytes = sealed.reduce((sum, segment) => sum + segment.bytes, 0)
    world.log.info({ topic, queueId, from: log.position + 1, to: last, bytes }, 'compacting a queue')
    const totals: RunTotals = { passes: 0, kept: 0, removed: 0, removedBytes: 0 }
    let list: Segment[] = sealed
    const runFrom = log.position
    for (let position = runFrom; position < last; ) {
      const { directories } = log.segments
      await abandonCompacting(disk, files, directories)
      try {
        const { maxOffsetMapSize: memoryBytes } = this.#config
        const pass = await compactionPass(log, { sealed: list, position, runFrom, memoryBytes }, mayGoOn)
        mayGoOn()
        if (pass.segments.length > 0) {
          const from = compactingIn(directories)
          await disk.syncDirectory(from.log)
          await disk.syncDirectory(from.cq)
        } else await makeDurableDirectory(disk, compactingIn(directories).log)
        await log.inTurn(async () => {
          mayGoOn()
          await writeMark(disk, directories, pass.replacement)
          log.pending = pass.replacement
          const rest = log.segments.list.filter(segment => !pass.replaced.includes(segment))
          this.#moving.set(log, pass.segments)
          parts.positions.set(topic, queueId, pass.replacement.position)
          log.replaceList([...pass.segments, ...rest])
          await this.#finish(log)
        })
        position = pass.replacement.position
        totals.passes++
        totals.kept = pass.kept
        totals.removed += pass.removed
        totals.removedBytes += pass.removedBytes
        list = [...pass.segments, ...list.filter(segment => !pass.replaced.includes(segment))]
      } catch (error) {
        // A mark that may be on disk and was not seen to be there names files that must stay until it is gone.
        if (log.pending === undefined && !log.deleted) await abandonCompacting(disk, files, directories).catch(() => {})
        if (error instanceof DamagedUnits) await log.repair(error.segment)
        throw error
      }
    }
    world.log.info(
      { topic, queueId, ...totals, ms: Math.round(world.clock.monotonicMs() - startedMs) },
      'compacted a queue',
    )
  }

  /** New files that are still where they were made. */
  readonly #moving = new WeakMap<CompactionLog, readonly Segment[]>()

  async #finish(log: CompactionLog): Promise<void> {
    const { pending, parts } = log
    if (pending === undefined || log.deleted) return
    const { disk, files, positions } = parts
    await applyReplacement(
      disk,
      files,
      log.segments.directories,
      pending,
      () => positions.save(),
      this.#moving.get(log) ?? [],
    )
    log.pending = undefined
    this.#moving.delete(log)
  }
}

/** As Apache, when a file is full that has new messages; and before, when at least half of all there is is new. */
function isWorthIt(log: CompactionLog): boolean {
  const { position } = log
  const { list } = log.segments
  let fresh = 0
  let old = 0
  for (const segment of list) {
    if (segment.lastOffset <= position) old += segment.bytes
    else if (segment.sealed) return true
    else fresh += segment.bytes
  }
  return fresh > 0 && fresh >= old
}
