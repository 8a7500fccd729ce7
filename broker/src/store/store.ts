import {
  getInt,
  isQueued,
  MIN_RECORD_SIZE,
  ResponseError,
  recordQueueOffset,
  recordStoreTimestamp,
  sysFlag,
} from '@rocketcluster/protocol/internal'
import type { DiskLock, Timer, World } from '@rocketcluster/world'
import type { LogStretch } from '../replication/replicated-log.ts'
import type { Checkpoint } from './checkpoint.ts'
import { ColdBlocks } from './cold-blocks.ts'
import type { Put } from './commit-group.ts'
import { CommitLog, type CommitLogOwner } from './commit-log.ts'
import type { LogQueues } from './compaction/compaction-log.ts'
import type { StoreConfig } from './config.ts'
import type { ConsumeQueues } from './consume-queues.ts'
import { emptyIfMarked } from './emptied-store.ts'
import { type CompactedQueue, isRecordAt, MessageReader, type Units } from './get-message.ts'
import type { IndexService } from './index-service.ts'
import { LogFiles } from './log-files.ts'
import { LogReader } from './log-reader.ts'
import { makeDurableDirectory } from './make-directory.ts'
import { indexedTo, recover } from './recovery.ts'
import { Retention } from './retention.ts'
import { StoreStats } from './stats.ts'
import type {
  Appended,
  Arrival,
  GetMessageRequest,
  GetMessageResult,
  MessageToStore,
  PutStatus,
  QueryResult,
} from './types.ts'

const TRANSACTION_MASK = 0xc
/** Enough for the head of any record, and for the whole of most. */
const FIRST_READ_BYTES = 4096
/** How far apart in milliseconds, and how often, it is looked whether messages are final: five seconds for the disk, half a one for replicas. */
const FINAL_LOOK_MS = 10
const FINAL_LOOKS = 500
const FINAL_REPLICA_LOOKS = 50

export interface StoreOptions {
  /**
   * Physical offset at which the log is cut before anything else, where a record ends; beyond its end it does nothing. All that is
   * derived from the log follows. A start that dies in the midst may be repeated, with it or without.
   */
  readonly truncateTo?: number
  /** Nothing is readable, nor acknowledged, before `confirm` has said that no other master can take it back. */
  readonly gated?: boolean
  /** Runs when the directory is this process's alone, before the log is looked at and marked as in use; when it rejects, so does `open`. */
  readonly locked?: () => Promise<void>
}

export interface Writable {
  readonly ok: true
}

export interface NotWritable {
  readonly ok: false
  readonly reason: string
}

/**
 * The messages of one broker: a log of all topics, and what is derived from it. Everything the rest of the broker knows
 * of the disk is here. One process owns a store directory; see docs/store.md for the order in which things reach the disk.
 */
export class Store {
  readonly stats: StoreStats
  readonly config: StoreConfig
  /**
   * Messages have become readable. Called once per commit group, in the order of the log; set by the owner.
   * The array is the store's own: read it before returning.
   */
  onArrival: (arrivals: readonly Arrival[]) => void = () => {}

  /**
   * From which physical offset on the log must be kept although it has expired: messages there are still to be delivered. Only a
   * disk that is nearly full goes before that. Set by the owner; rejects when nobody can tell now.
   */
  neededFrom: () => Promise<number> = async () => Number.POSITIVE_INFINITY

  /** A topic is being deleted: what there is of it beside the log goes too. Set by the owner of that. */
  onTopicDeleted: (topic: string) => Promise<void> = async () => {}

  readonly #world: World
  readonly #gated: boolean
  #roleEnds = false
  readonly #lock: DiskLock
  readonly #files: LogFiles
  readonly #log: CommitLog
  readonly #queues: ConsumeQueues
  readonly #index: IndexService | undefined
  readonly #checkpoint: Checkpoint
  readonly #reader: MessageReader
  readonly #cold: ColdBlocks
  readonly #logReader: LogReader
  readonly #retention: Retention
  /** Why no messages are taken, by who says so. */
  readonly #obstacles = new Map<string, string>()
  #refusal: ResponseError | undefined
  #timers: Timer[] = []
  #flushing: Promise<void> | undefined
  #flushedTo = 0
  #resuming: Promise<void> | undefined
  #closing: Promise<void> | undefined
  /** Deleted topics of which messages are still on their way into the log: up to which physical offset. */
  readonly #deleted = new Map<string, number>()

  /**
   * Takes the directory's lock, recovers what is there, and is ready to serve.
   * Throws Error with a sentence for the operator when it cannot: locked, unreadable, not a store of this configuration, or
   * nothing that can be cut at `truncateTo`.
   */
  static async open(world: World, config: StoreConfig, options: StoreOptions = {}): Promise<Store> {
    const { disk } = world
    const root = config.storePathRootDir
    await makeDurableDirectory(disk, root)
    let lock: DiskLock
    try {
      lock = await disk.lock(`${root}/lock`)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'LOCKED') throw error
      throw new Error(`${root} is in use by another broker process (it holds ${root}/lock)`, { cause: error })
    }
    const opened: { close(): Promise<void> }[] = []
    try {
      if (await emptyIfMarked(disk, root, config.storePathCommitLog))
        world.log.warn({ root }, 'the store was marked to be emptied: its log begins anew')
      await options.locked?.()
      const files = new LogFiles(disk, config.storePathCommitLog, config.mappedFileSizeCommitLog, config.maxOpenFiles)
      opened.push(files)
      await files.load()
      const recovered = await recover(world, config, files, opened, options)
      return new Store(world, config, lock, files, recovered, options.gated ?? false)
    } catch (error) {
      for (const part of opened.reverse()) await part.close().catch(() => {})
      await lock.release()
      throw error
    }
  }

  private constructor(
    world: World,
    config: StoreConfig,
    lock: DiskLock,
    files: LogFiles,
    recovered: Awaited<ReturnType<typeof recover>>,
    gated: boolean,
  ) {
    this.#world = world
    this.#gated = gated
    this.config = config
    this.#lock = lock
    this.#files = files
    this.stats = new StoreStats()
    this.stats.damagedRecords = recovered.damagedRecords
    this.#queues = recovered.queues
    this.#index = recovered.index
    this.#checkpoint = recovered.checkpoint
    const queues = this.#queues
    const owner: CommitLogOwner = {
      assign: (topic, queueId) => queues.assign(topic, queueId),
      unassign: (topic, queueId, queueOffset) => queues.resetNextOffset(topic, queueId, queueOffset),
      reserve: (topic, queueId, queueOffset) => queues.reserve(topic, queueId, queueOffset),
      dispatch: puts => this.#dispatch(puts),
      failed: reason => {
        // What was on its way is lost, and its physical offsets are given again.
        for (const [topic, end] of this.#deleted) this.#deleted.set(topic, Math.min(end, this.#log.written))
        this.#setObstacle('log', reason)
      },
    }
    this.#log = new CommitLog(world, config, files, owner, this.stats, gated)
    this.#log.start(recovered.log)
    this.#flushedTo = recovered.log.readable
    this.#cold = new ColdBlocks(files, this.stats, {
      cacheBytes: config.coldReadCacheBytes,
      blockBytes: config.coldReadBlockBytes,
      maxConcurrent: config.maxConcurrentColdReads,
      written: () => this.#log.written,
      hotStart: () => this.#log.tail.start,
    })
    this.#logReader = new LogReader(files, this.#log)
    this.#reader = new MessageReader({
      config,
      queues,
      tail: this.#log.tail,
      cold: this.#cold,
      files,
      readable: () => this.#log.readable,
      stats: this.stats,
      log: world.log,
    })
    this.#retention = new Retention(world, config, files, {
      // Files that the checkpoint does not vouch for yet are in use: recovery may have to read them.
      activeFrom: () => files.startOf(this.#flushedTo),
      neededFrom: () => this.neededFrom(),
      removed: () => this.#filesRemoved(),
      diskFull: reason => this.#setObstacle('disk', reason),
      spaceIsBack: () => this.#spaceIsBack(),
    })
    // Not at once: a group is being made readable, and half of it must not be vouched for.
    const flushSoon = () => void world.clock.setImmediate(() => this.flush().catch(() => {}))
    queues.onNeedsFlush = flushSoon
    if (this.#index !== undefined) this.#index.onNeedsFlush = flushSoon
    this.#startTimers()
  }

  #startTimers(): void {
    const { clock } = this.#world
    const { config } = this
    this.#timers = [
      clock.setInterval(() => this.#log.sync(), config.flushIntervalCommitLog),
      clock.setInterval(() => this.flush().catch(() => {}), config.flushIntervalConsumeQueue),
      clock.setInterval(() => this.#retention.run().catch(() => {}), config.cleanResourceInterval),
    ]
    this.#retention.run().catch(() => {})
  }

  /** Changes settings that count at once; see `LIVE_KEYS` of store-config-of.ts. */
  configure(changes: Partial<StoreConfig>): void {
    Object.assign(this.config, changes)
    this.#log.configured()
  }

  // ---- writing

  /** Whether messages are taken, and if not why. */
  get writable(): Writable | NotWritable {
    for (const reason of this.#obstacles.values()) return { ok: false, reason }
    return { ok: true }
  }

  /**
   * Why the log takes no more messages in this process's life: a disk that failed (not one that is full). A restart
   * recovers what was acknowledged and goes on.
   */
  get deadReason(): string | undefined {
    return this.#log.dead ? this.#log.failure?.message : undefined
  }

  #setObstacle(who: string, reason: string | undefined): void {
    if (this.#obstacles.get(who) === reason) return
    if (reason === undefined) this.#obstacles.delete(who)
    else this.#obstacles.set(who, reason)
    const [first] = this.#obstacles.values()
    const was = this.#refusal
    this.#refusal = first === undefined ? undefined : unavailable(first)
    if (was === undefined && first !== undefined && who !== 'closing' && who !== 'role')
      this.#world.log.warn({ reason: first }, 'the store takes no messages')
    if (was !== undefined && first === undefined) this.#world.log.info({}, 'the store takes messages again')
  }

  /** A slave takes messages from its master only: says why others are refused, or with undefined that they are taken again. */
  refuseWrites(reason: string | undefined): void {
    this.#setObstacle('role', reason)
  }

  /**
   * Gives the message its offsets and copies it. Not durable, nor readable, before `committed`.
   * Throws ResponseError: MESSAGE_ILLEGAL for sizes, SYSTEM_BUSY when the disk cannot follow, SERVICE_NOT_AVAILABLE when
   * the disk is full or has failed, or the store is closing.
   */
  append(message: MessageToStore): Appended {
    if (this.#refusal !== undefined) this.#refuse(1)
    return this.#log.append(message)
  }

  /**
   * As `append`, for copies that the broker makes of messages it has accepted: maxMessageSize may be lower now, and a message
   * that waits must not be held up for it.
   */
  appendCopy(message: MessageToStore): Appended {
    if (this.#refusal !== undefined) this.#refuse(1)
    return this.#log.append(message, Number.POSITIVE_INFINITY)
  }

  /** As `appendBatch`, for such copies. */
  appendCopies(messages: readonly MessageToStore[]): Appended[] {
    if (this.#refusal !== undefined) this.#refuse(messages.length)
    return this.#log.appendBatch(messages, Number.POSITIVE_INFINITY)
  }

  /** All or none, with consecutive queue offsets per queue, one behind the other in the log. Throws as `append`. */
  appendBatch(messages: readonly MessageToStore[]): Appended[] {
    if (this.#refusal !== undefined) this.#refuse(messages.length)
    return this.#log.appendBatch(messages)
  }

  #refuse(count: number): never {
    this.stats.putFailed += count
    throw this.#refusal
  }

  /**
   * One promise for all messages that reach the disk together. `physicalEnd` is `physicalOffset + sizeBytes` of the last
   * message waited for; to be called in the turn of its append.
   * Resolves when the write has returned and, with SYNC_FLUSH and `wait`, its sync (or FLUSH_DISK_TIMEOUT before that). With
   * `wait` a gated store waits for the confirmation, too (or FLUSH_SLAVE_TIMEOUT before that).
   * Rejects with ResponseError SERVICE_NOT_AVAILABLE when the disk refused; the message is not stored then.
   */
  committed(physicalEnd: number, wait: boolean): Promise<PutStatus> {
    return this.#log.committed(physicalEnd, wait)
  }

  /** `appendCopy`, and what `committed` says. */
  async putCopy(message: MessageToStore, wait = true): Promise<Appended & { status: PutStatus }> {
    return this.#committed(this.appendCopy(message), wait)
  }

  /** `append`, and what `committed` says. */
  async put(message: MessageToStore, wait = true): Promise<Appended & { status: PutStatus }> {
    return this.#committed(this.append(message), wait)
  }

  async #committed(appended: Appended, wait: boolean): Promise<Appended & { status: PutStatus }> {
    const { topic, physicalOffset, queueOffset, sizeBytes, storeTimestamp } = appended
    const status = await this.committed(physicalOffset + sizeBytes, wait)
    return { topic, physicalOffset, queueOffset, sizeBytes, storeTimestamp, status }
  }

  #dispatch(puts: readonly Put[]): void {
    const index = this.#index
    let arrivals: readonly Put[] = puts
    for (let i = 0; i < puts.length; i++) {
      const put = puts[i]!
      if (this.#hasPlace(put)) this.#putEntry(put)
      else if (arrivals === puts) arrivals = puts.filter(one => this.#hasPlace(one))
      if (index !== undefined && (put.sysFlag & TRANSACTION_MASK) !== sysFlag.TRANSACTION_ROLLBACK_TYPE)
        index.put(put.topic, put.uniqKey, put.keys, put.physicalOffset, put.storeTimestamp)
    }
    if (this.#deleted.size > 0) {
      const { physicalOffset } = puts[puts.length - 1]!
      for (const [topic, end] of this.#deleted) if (physicalOffset >= end) this.#deleted.delete(topic)
    }
    try {
      if (arrivals.length > 0) this.onArrival(arrivals)
    } catch (error) {
      this.#world.log.error({ error }, 'who was told of new messages failed')
    }
  }

  #putEntry(put: Put): void {
    try {
      this.#queues.put(put.topic, put.queueId, put.queueOffset, put.physicalOffset, put.sizeBytes, put.tagsCode)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      // Only a replica whose master has lost messages to damage comes here. All that follows is readable there as it is here.
      const { topic, queueId, queueOffset, physicalOffset } = put
      this.#world.log.error({ error, topic, queueId, queueOffset, physicalOffset }, 'a queue does not get a message')
    }
  }

  /** Not for transactions under way, nor for what was appended to a topic before it was deleted: the queue begins anew. */
  #hasPlace(put: Put): boolean {
    if (!isQueued(put.sysFlag)) return false
    return this.#deleted.size === 0 || put.physicalOffset >= (this.#deleted.get(put.topic) ?? 0)
  }

  // ---- replication

  /**
   * Takes over whole records and blanks of a master's log, which begin where this log ends; of a blank the head is enough.
   * The bytes are copied. Throws ReplicationError when they are not what belongs there, and takes none of them then; ResponseError
   * as `append`, but for the slave's own refusal of messages.
   */
  appendReplicated(physicalOffset: number, records: Buffer): void {
    for (const [who, reason] of this.#obstacles) if (who !== 'role') throw unavailable(reason)
    this.#log.appendReplicated(physicalOffset, records)
  }

  /** An empty store begins at `physicalOffset`, the start of a file of the master's log. Throws Error when it cannot. */
  startAt(physicalOffset: number): void {
    if (this.#files.files.length > 0 || this.#log.appended > 0)
      throw new Error(`a log that begins at ${physicalOffset} cannot be taken over: this store is not empty`)
    if (physicalOffset % this.#files.fileSizeBytes !== 0)
      throw new Error(
        `a log that begins at ${physicalOffset} cannot be taken over: mappedFileSizeCommitLog ${this.#files.fileSizeBytes} does not divide it`,
      )
    this.#log.start({
      end: physicalOffset,
      readable: physicalOffset,
      lastRecord: -1,
      lastTimestamp: 0,
      lastTimestampReadable: 0,
    })
    this.#flushedTo = physicalOffset
  }

  /**
   * Up to `maxBytes` of the log from `physicalOffset` on, within one file and never beyond `committedOffset`; nothing when it
   * ends there. At once when they are in memory. Throws RangeError for what is not kept. Rejects with DiskError.
   */
  readLog(physicalOffset: number, maxBytes: number): LogStretch | Promise<LogStretch> {
    return this.#logReader.read(physicalOffset, maxBytes)
  }

  /** Replicas have everything before `physicalOffset`; Infinity: nobody waits for replicas. See `committed`. */
  replicated(physicalOffset: number): void {
    this.#log.replicated(physicalOffset)
  }

  /**
   * Gated stores: nothing in the log before `physicalOffset` can be taken back any more. As far as it is stored it becomes readable,
   * and who waits is answered. Never falls; without effect on other stores. Meant to be called whenever that is known to have grown.
   */
  confirm(physicalOffset: number): void {
    this.#log.confirm(physicalOffset)
  }

  /** What `confirm` has come to; undefined in a store that is not gated. */
  get confirmedOffset(): number | undefined {
    return this.#log.confirmed
  }

  /** Told when the disk has taken or synced more of the log, or has failed. Returns the way to stop that. */
  addAdvanceListener(listener: () => void): () => void {
    return this.#log.addAdvanceListener(listener)
  }

  // ---- reading

  /** Synchronous when the messages are in memory. Throws, or rejects with, ResponseError SYSTEM_ERROR when the disk fails. */
  getMessage(request: GetMessageRequest): GetMessageResult | Promise<GetMessageResult> {
    const found = this.#reader.get(request)
    return found instanceof Promise ? found.catch(error => this.#cannotRead(error)) : found
  }

  /** The queues as the log has them, for who keeps something beside it. */
  get logQueues(): LogQueues {
    return {
      get: request => this.#reader.getFromLog(request),
      minOffset: (topic, queueId) => this.#queues.minOffset(topic, queueId),
      maxOffset: (topic, queueId) => this.#queues.maxOffset(topic, queueId),
      count: (messages, bytes) => this.#reader.count(messages, bytes),
    }
  }

  /** Lets the next message of a queue that has none any more get `offset`. Throws RangeError when it has one. */
  startEmptyAt(topic: string, queueId: number, offset: number): void {
    this.#queues.startEmptyAt(topic, queueId, offset)
  }

  /** From now on the queue's older messages are read from `compacted`; until its topic is deleted. */
  attachCompacted(topic: string, queueId: number, compacted: CompactedQueue): void {
    this.#queues.attachCompacted(topic, queueId, compacted)
  }

  #cannotRead(error: unknown): never {
    this.#world.log.error({ error }, 'reading messages failed')
    throw new ResponseError('SYSTEM_ERROR', `reading messages failed: ${(error as Error).message}`, { cause: error })
  }

  /** A copy of the record at `physicalOffset`; undefined when no readable record begins there. Rejects as `getMessage`. */
  async readRecord(physicalOffset: number): Promise<Buffer | undefined> {
    if (!Number.isSafeInteger(physicalOffset)) return undefined
    if (physicalOffset < this.minPhysicalOffset || physicalOffset + MIN_RECORD_SIZE > this.#log.readable)
      return undefined
    const slab = this.#log.tail.find(physicalOffset)
    if (slab !== undefined) return wholeRecord(slab.buffer, physicalOffset - slab.start, slab.used, physicalOffset)
    try {
      const fileEnd = this.#files.startOf(physicalOffset) + this.#files.fileSizeBytes
      const most = Math.min(fileEnd, this.#log.readable) - physicalOffset
      const head = await this.#cold.read(physicalOffset, Math.min(FIRST_READ_BYTES, most))
      if (head === undefined || head.end - physicalOffset < MIN_RECORD_SIZE) return undefined
      const size = getInt(head.buffer, 0)
      if (size < MIN_RECORD_SIZE || size > most || !isRecordAt(head.buffer, 0, physicalOffset, size)) return undefined
      if (physicalOffset + size <= head.end) return head.buffer.subarray(0, size)
      const whole = await this.#cold.read(physicalOffset, size)
      if (whole === undefined) return undefined
      return wholeRecord(whole.buffer, 0, whole.end - physicalOffset, physicalOffset)
    } catch (error) {
      return this.#cannotRead(error)
    }
  }

  /**
   * Entries of the consume queue (`cq-unit.ts`) from `queueOffset` on: up to `maxCount`, fewer where memory or a file ends,
   * none outside of [minOffset, maxOffset). At once when they are in memory. The buffer is only to be read. Rejects with
   * DiskError.
   */
  entries(topic: string, queueId: number, queueOffset: number, maxCount: number): Units | Promise<Units> {
    return this.#queues.read(topic, queueId, queueOffset, maxCount)
  }

  minOffset(topic: string, queueId: number): number {
    return this.#queues.compacted(topic, queueId)?.minOffset ?? this.#queues.minOffset(topic, queueId)
  }

  /** One behind the last readable message; 0 for an unknown queue. */
  maxOffset(topic: string, queueId: number): number {
    return this.#queues.maxOffset(topic, queueId)
  }

  /** The offset that the queue's next message gets: behind those, too, that are in the log and not readable yet. */
  nextOffset(topic: string, queueId: number): number {
    return this.#queues.nextOffset(topic, queueId)
  }

  /**
   * LOWER: the first message stored at or after the time; when all are older, `maxOffset`.
   * UPPER: the last message stored at or before it; when all are younger, 0 (ConsumeQueue.java#binarySearchInQueueByTime).
   */
  async offsetByTime(
    topic: string,
    queueId: number,
    timestampMs: number,
    boundary: 'LOWER' | 'UPPER',
  ): Promise<number> {
    const min = this.minOffset(topic, queueId)
    const max = this.maxOffset(topic, queueId)
    // The first offset whose message is younger: at the time itself already for LOWER, behind it for UPPER.
    let low = min
    let high = max
    const isSparse = this.#queues.compacted(topic, queueId) !== undefined
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const timestamp = isSparse
        ? ((await this.#from(topic, queueId, middle))?.storeTimestamp ?? Number.POSITIVE_INFINITY)
        : await this.storeTimestampAt(topic, queueId, middle)
      // What is gone is older than all there is.
      const older = timestamp < 0 || (boundary === 'LOWER' ? timestamp < timestampMs : timestamp <= timestampMs)
      if (older) low = middle + 1
      else high = middle
    }
    if (boundary === 'UPPER') return low > min ? low - 1 : 0
    return isSparse && low < max ? ((await this.#from(topic, queueId, low))?.queueOffset ?? low) : low
  }

  /** The first message there is at or behind `queueOffset`. */
  async #from(
    topic: string,
    queueId: number,
    queueOffset: number,
  ): Promise<{ queueOffset: number; storeTimestamp: number } | undefined> {
    for (let at = queueOffset; at < this.maxOffset(topic, queueId); ) {
      const found = await this.getMessage({ topic, queueId, queueOffset: at, maxCount: 1 })
      try {
        const record = found.records[0]
        if (record !== undefined)
          return { queueOffset: recordQueueOffset(record, 0), storeTimestamp: recordStoreTimestamp(record, 0) }
        if (found.nextBeginOffset <= at) return undefined
        at = found.nextBeginOffset
      } finally {
        found.release()
      }
    }
    return undefined
  }

  /** Milliseconds since 1970; -1 when there is no such message. */
  async storeTimestampAt(topic: string, queueId: number, queueOffset: number): Promise<number> {
    if (queueOffset < this.minOffset(topic, queueId) || queueOffset >= this.maxOffset(topic, queueId)) return -1
    const found = await this.getMessage({ topic, queueId, queueOffset, maxCount: 1 })
    try {
      const record =
        found.status === 'FOUND' && found.nextBeginOffset === queueOffset + 1 ? found.records[0] : undefined
      return record === undefined ? -1 : recordStoreTimestamp(record, 0)
    } finally {
      found.release()
    }
  }

  /** Offsets of messages that may have the key: hashes collide, so look at the messages. Empty without an index. */
  async queryIndex(topic: string, key: string, maxCount: number, beginMs: number, endMs: number): Promise<QueryResult> {
    if (this.#index === undefined)
      return { physicalOffsets: [], indexLastUpdateTimestamp: 0, indexLastUpdatePhysicalOffset: 0 }
    return this.#index.query(topic, key, maxCount, beginMs, endMs)
  }

  topics(): Iterable<{ topic: string; queueIds: number[] }> {
    return this.#queues.topics()
  }

  /** Removes the topic's queues; its messages stay in the log until they expire, unreachable but by physical offset. */
  async deleteTopic(topic: string): Promise<void> {
    if (this.#log.appended > this.#log.readable) this.#deleted.set(topic, this.#log.appended)
    const forgotten = this.onTopicDeleted(topic)
    forgotten.catch(() => {})
    await this.#queues.deleteTopic(topic)
    // One that is under way may have counted the entries that are gone.
    await this.#flushing?.catch(() => {})
    await this.flush()
    await forgotten
  }

  /** storeTimestamp of the oldest message kept; -1 when there is none. */
  async earliestStoreTimestamp(): Promise<number> {
    const record = await this.readRecord(this.minPhysicalOffset)
    return record === undefined ? -1 : recordStoreTimestamp(record, 0)
  }

  /** Whether the queue's message at `queueOffset` is so young that reading it counts as reading from memory. */
  isInMemory(topic: string, queueId: number, queueOffset: number): boolean {
    return this.#reader.isEntryInMemory(topic, queueId, queueOffset)
  }

  // ---- where things are

  /** This broker's address and port as they are written into each record. */
  get storeHost(): Buffer {
    return this.config.storeHost as Buffer
  }

  /** Physical offset of the oldest byte kept. */
  get minPhysicalOffset(): number {
    return this.#files.minOffset
  }

  /** Physical offset that the next message gets. */
  get maxPhysicalOffset(): number {
    return this.#log.appended
  }

  /** Everything before it has been taken by the disk. */
  get committedOffset(): number {
    return this.#log.written
  }

  /** Whether everything that has a place has been taken by the disk. */
  get settled(): boolean {
    return this.#log.settled
  }

  /** Everything before it is on stable storage. */
  get flushedOffset(): number {
    return this.#log.synced
  }

  /** Everything before it is written, and with SYNC_FLUSH synced. */
  get durableOffset(): number {
    return this.#log.durable
  }

  /**
   * Everything before it is final: on stable storage, and in a gated store confirmed, which every later start of it knows. What a
   * service saves of its progress must rest on nothing behind it.
   */
  get finalOffset(): number {
    return this.#gated ? this.#flushedTo : this.#log.synced
  }

  /** Everything before it can be consumed. */
  get readableOffset(): number {
    return this.#log.readable
  }

  /** Bytes in the log that are not in the consume queues yet. */
  get dispatchBehindBytes(): number {
    return this.#log.appended - this.#log.readable
  }

  /** Bytes in the log that a power cut would take. */
  get flushBehindBytes(): number {
    return this.#log.appended - this.#log.synced
  }

  /** Share of the disk that is in use, 0 to 1; -1 before the first look. */
  get diskUsedRatio(): number {
    return this.#retention.usedRatio
  }

  /** This broker begins to be master, or slave. */
  beginRole(): void {
    this.#roleEnds = false
  }

  /** What is not final now will not be while this role lasts: nobody waits for it any more. */
  endRole(): void {
    this.#roleEnds = true
  }

  /**
   * Waits until `finalOffset` has come to `physicalOffset`, for the disk five seconds, for replicas half a second at most. Returns whether
   * it has. Rejects with DiskError.
   */
  async makeFinal(physicalOffset: number): Promise<boolean> {
    let [looks, looksAtReplicas] = [0, 0]
    while (this.finalOffset < physicalOffset) {
      if (this.#roleEnds || this.#log.dead) return false
      if (looks++ === FINAL_LOOKS || looksAtReplicas === FINAL_REPLICA_LOOKS) return false
      await this.flush()
      // With SYNC_FLUSH the log syncs by itself what is written, and `flush` only what is readable already.
      if (this.finalOffset < physicalOffset) await this.#world.clock.sleep(FINAL_LOOK_MS)
      if (this.#log.durable >= physicalOffset && this.#log.readable < physicalOffset) looksAtReplicas++
    }
    return true
  }

  // ---- keeping house

  /** Syncs the log, then the consume queues and the index, then lets the checkpoint vouch for them. Rejects with DiskError. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #flush(): Promise<void> {
    // All of one moment: what is readable is exactly what the queues have entries for.
    const { readable, lastRecord, readableTimestamp } = this.#log
    const { entryCount } = this.#queues
    const indexedOffset = indexedTo(this.#index)
    // At last it says, too, up to where the log is whole that is not readable yet.
    const isLast =
      this.#gated && this.#closing !== undefined && this.#checkpoint.vouched?.syncedOffset !== this.#log.synced
    if (readable === this.#flushedTo && this.#checkpoint.entryCount === entryCount && !isLast) return
    try {
      while (this.#log.synced < readable && this.#log.failure === undefined) await this.#log.sync()
      if (this.#log.synced < readable) return
      const timestamp = this.#log.syncedTimestamp
      const synced = this.#log.synced
      await this.#queues.flush()
      const indexed = await this.#index?.flush()
      await this.#checkpoint.write({
        physicMsgTimestamp: timestamp,
        logicsMsgTimestamp: this.#gated ? readableTimestamp : timestamp,
        indexMsgTimestamp: indexed?.storeTimestamp ?? 0,
        vouchedOffset: readable,
        lastRecord,
        syncedOffset: synced,
        indexedOffset,
        entryCount,
        ...(this.#gated ? { confirmPhyOffset: readable } : {}),
      })
      this.#flushedTo = readable
      this.#setObstacle('derived', undefined)
    } catch (error) {
      // What could not be written stays in memory and is tried again; meanwhile it must not grow.
      this.#setObstacle('derived', `writing the consume queues failed: ${(error as Error).message}`)
      this.#world.log.error({ error }, 'flushing the consume queues, the index or the checkpoint failed')
      throw error
    }
  }

  /** Deletes expired files now, whatever the hour (`deleteExpiredCommitLog` of mqadmin). */
  deleteExpiredFiles(): Promise<number> {
    return this.#retention.run({ manual: true })
  }

  /** Drops what the consume queues and the index hold of messages that have left the log (`cleanExpiredCQ` of mqadmin). Throws DiskError. */
  cleanExpiredConsumeQueues(): Promise<void> {
    return this.#filesRemoved()
  }

  async #filesRemoved(): Promise<void> {
    const min = this.#files.minOffset
    this.#cold.dropBefore(min)
    await this.#queues.correctMin(min)
    await this.#index?.deleteBefore(min)
  }

  #spaceIsBack(): void {
    if (!this.#obstacles.has('log')) return
    this.#resuming ??= this.#resume().finally(() => (this.#resuming = undefined))
  }

  async #resume(): Promise<void> {
    if (await this.#log.resume()) this.#setObstacle('log', undefined)
  }

  /**
   * Writes and syncs everything, says so on disk (no `abort`), and lets the directory go.
   * Rejects with DiskError when not all could be written; the next start recovers then as after a crash.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#setObstacle('closing', 'the broker is shutting down')
    for (const timer of this.#timers) timer.cancel()
    await this.#retention.stop()
    await this.#resuming
    try {
      const clean = await this.#log.drain()
      await this.#flushing?.catch(() => {})
      await this.flush()
      // What is not confirmed yet is whole all the same, and the next start finds it.
      const isWhole = this.#gated ? this.#log.synced === this.#log.appended : this.#flushedTo === this.#log.appended
      if (clean && isWhole && this.#flushedTo === this.#log.readable) await this.#checkpoint.markClean()
    } finally {
      // Everything that could be written has been, or the failure is on its way to the caller.
      await this.#queues.close().catch(() => {})
      await this.#index?.close().catch(() => {})
      await this.#files.close().catch(() => {})
      await this.#checkpoint.close().catch(() => {})
      await this.#lock.release()
    }
  }
}

/** What a producer is told while no messages are taken; clients try another broker then. */
export const unavailable = (reason: string) =>
  new ResponseError(
    'SERVICE_NOT_AVAILABLE',
    `service not available now. It may be caused by one of the following reasons: ${reason}`,
  )

/** A copy of the record, or undefined when it is not whole or not the one at that offset. */
function wholeRecord(buffer: Buffer, at: number, end: number, physicalOffset: number): Buffer | undefined {
  if (at + MIN_RECORD_SIZE > end) return undefined
  const size = getInt(buffer, at)
  if (size < MIN_RECORD_SIZE || at + size > end || !isRecordAt(buffer, at, physicalOffset, size)) return undefined
  return Buffer.from(buffer.subarray(at, at + size))
}
