import {
  BLANK_SIZE,
  type CheckedRecord,
  checkRecord,
  encodeBlank,
  encodeRecord,
  HOST_V4_SIZE,
  HOST_V6_SIZE,
  isQueued,
  MAX_PROPERTIES_LENGTH,
  type RecordMessage,
  ResponseError,
  recordSize,
} from '@rocketcluster/protocol/internal'
import type { Timer, World } from '@rocketcluster/world'
import { ReplicationError } from '../replication/replicated-log.ts'
import { CommitGroup, Put, Shared } from './commit-group.ts'
import type { StoreConfig } from './config.ts'
import { ConfirmGate } from './confirm-gate.ts'
import { HotTail } from './hot-tail.ts'
import type { LogFiles } from './log-files.ts'
import { LogScanner, SECTOR_BYTES } from './log-scanner.ts'
import { RecordTraits } from './record-traits.ts'
import type { StoreStats } from './stats.ts'
import type { MessageToStore, PutStatus } from './types.ts'

/** TopicValidator.java: retry topics may have 255, all others 127. */
const MAX_TOPIC_BYTES = 255
/** What record may take beyond its body (MessageExtEncoder.java). */
const MAX_OVERHEAD = 64 * 1024
const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'
/** Space there must be before a log that met a full disk goes on. */
const PROBE_BYTES = 1024 * 1024
/** How much more may wait to be confirmed than for the disk. */
const UNCONFIRMED_FACTOR = 8
/** What is read at once of messages that are confirmed later than memory can hold them. */
const CATCH_UP_BYTES = 256 * 1024
const NOTHING = Buffer.alloc(0)
const PUT_OK: Promise<PutStatus> = Promise.resolve('PUT_OK')

/** What the commit log needs of those around it. */
export interface CommitLogOwner {
  /** The offset the next message of the queue gets; counts on. */
  assign(topic: string, queueId: number): number
  /** Takes back `assign`: the next message gets `queueOffset` again. */
  unassign(topic: string, queueId: number, queueOffset: number): void
  /** The queue's messages up to `queueOffset` have their place, though not from `assign`: the next one comes behind them. */
  reserve(topic: string, queueId: number, queueOffset: number): void
  /** These are in the log for good, in the order of their offsets: make them readable. */
  dispatch(puts: readonly Put[]): void
  /** The log takes no more messages. `recoverable`: `resume` may help, once there is space. */
  failed(reason: string, recoverable: boolean): void
}

/** What recovery takes for the trace of a write that was cut short must not be stored; see isTorn in log-scanner.ts. */
function looksTorn(properties: Uint8Array): boolean {
  const { length } = properties
  if (length === 0) return false
  if (properties[0] === 0 || properties[length - 1] === 0) return true
  if (length < SECTOR_BYTES + 2) return false
  let run = 0
  for (let i = properties.indexOf(0); i >= 0 && i < length; i++) {
    run = properties[i] === 0 ? run + 1 : 0
    if (run === SECTOR_BYTES) return true
  }
  return false
}

/** Where a log goes on. */
export interface LogStart {
  /** Behind its last record. */
  readonly end: number
  /** Behind the last record that is readable: `end`, unless there is one that is not confirmed. */
  readonly readable: number
  /** Start of the last record that is readable; -1 when there is none. */
  readonly lastRecord: number
  /** storeTimestamp of the last record, and of the last that is readable. */
  readonly lastTimestamp: number
  readonly lastTimestampReadable: number
}

/** What goes into one file in one call. */
interface Extent {
  readonly fileStart: number
  readonly position: number
  readonly slices: Uint8Array[]
}

/**
 * The writing half of the log: gives messages their place, and takes them to the disk in groups.
 *
 * All of a turn's messages are encoded into the hot tail at once; one write call takes them to the file. While it runs the
 * next group gathers. A write that fails cuts the log where the last good one ended: what was appended behind it fails
 * with it, and its offsets are given again. A sync that fails leaves nobody knowing what is on the disk: the log takes
 * nothing more until it is opened anew, and recovery looks at what really is there.
 */
export class CommitLog {
  readonly tail: HotTail
  readonly files: LogFiles
  readonly #world: World
  readonly #config: StoreConfig
  readonly #owner: CommitLogOwner
  readonly #stats: StoreStats
  readonly #syncFlush: boolean
  /** What fits into one file. */
  readonly #maxRecordSize: number
  #maxWaitingBytes = 0

  /** Ends of the log, in falling order: what has a place, what the disk took, what is synced. */
  #appended = 0
  #written = 0
  #synced = 0
  /** Where the file that `#appended` lies in ends. */
  #fileEnd = 0
  #lastTimestampWritten = 0
  #lastTimestampSynced = 0
  /** Start of the last record that is readable: what a checkpoint at `readable` is verified by. */
  #lastRecord = -1
  /** storeTimestamp of it. */
  #lastTimestampReadable = 0
  /** In a store whose messages are readable only when they are confirmed. */
  readonly #gate: ConfirmGate | undefined

  #pending = new CommitGroup(0)
  #writing: CommitGroup | undefined
  /** Written, and waiting for the sync that makes them readable (SYNC_FLUSH). */
  readonly #unsynced: CommitGroup[] = []
  /** Replicas have everything before it: who waits is answered only then. Infinity: nobody waits for replicas. */
  #replicated = Number.POSITIVE_INFINITY
  /** Readable, and waiting for replicas. */
  readonly #unreplicated: CommitGroup[] = []
  readonly #advanceListeners = new Set<() => void>()
  #scheduled = false
  #syncing: Promise<void> | undefined
  #failure: ResponseError | undefined
  /** Bytes behind `#written` that a failed write may have left in the file have to be cleared before more is written. */
  #unclean = false
  /** Nothing can be trusted any more; only opening the store anew helps. */
  #dead = false
  #timeout: Timer | undefined
  /** When it is due, monotonic. */
  #timeoutDueMs = 0
  #idle: Shared<void> | undefined

  /** Start of the file that could not be made ahead of need. */
  #unprepared = -1

  readonly #topicBytes = new Map<string, Uint8Array>()
  #lastTopic = ''
  #lastTopicBytes: Uint8Array = NOTHING
  readonly #record: RecordMessage
  readonly #traits: RecordTraits

  /** `gated`: nothing is readable before it is confirmed; see `confirm`. */
  constructor(
    world: World,
    config: StoreConfig,
    files: LogFiles,
    owner: CommitLogOwner,
    stats: StoreStats,
    gated = false,
  ) {
    this.#world = world
    this.#config = config
    this.files = files
    this.#owner = owner
    this.#stats = stats
    this.tail = new HotTail(config.hotTailBytes, config.hotTailSlabBytes)
    this.#syncFlush = config.flushDiskType === 'SYNC_FLUSH'
    this.#maxRecordSize = files.fileSizeBytes - BLANK_SIZE
    this.configured()
    this.#traits = new RecordTraits(() => config.messageDelayLevel)
    if (gated)
      this.#gate = new ConfirmGate(world, {
        durable: () => this.durable,
        release: group => this.#release(group),
        count: puts => this.#count(puts),
        makeReadable: puts => this.#makeReadable(puts),
        read: (from, to, visit) => this.#readPuts(from, to, visit),
      })
    this.#record = {
      topic: NOTHING,
      queueId: 0,
      flag: 0,
      sysFlag: 0,
      bornTimestamp: 0,
      bornHost: NOTHING,
      storeHost: config.storeHost as Buffer,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      body: NOTHING,
      properties: NOTHING,
    }
  }

  /** Takes over what has changed in the configuration that it was given: maxMessageSize. */
  configured(): void {
    const { maxMessageSize, hotTailBytes } = this.#config
    const maxRecordSize = Math.min(maxMessageSize + MAX_OVERHEAD, this.#maxRecordSize)
    this.#maxWaitingBytes = Math.max(hotTailBytes, 2 * maxRecordSize)
  }

  /** Where recovery found the end of the log; everything before it is synced. */
  start(at: LogStart): void {
    const { end, readable, lastRecord, lastTimestamp, lastTimestampReadable } = at
    this.#appended = this.#written = this.#synced = end
    this.#fileEnd = this.files.startOf(end) + this.files.fileSizeBytes
    this.#pending = new CommitGroup(end)
    this.#lastRecord = lastRecord
    this.#lastTimestampReadable = lastTimestampReadable
    this.#lastTimestampWritten = this.#lastTimestampSynced = lastTimestamp
    this.#gate?.start(end, readable)
  }

  /** Physical offset that the next message gets. */
  get appended(): number {
    return this.#appended
  }

  /** Everything before it has been taken by the disk. */
  get written(): number {
    return this.#written
  }

  /** Whether everything that has a place has been taken by the disk; a blank at the end is nothing. */
  get settled(): boolean {
    return this.#pending.puts.length === 0 && this.#writing === undefined
  }

  /** Everything before it is on stable storage. */
  get synced(): number {
    return this.#synced
  }

  /** Everything before it is written, and with SYNC_FLUSH synced. */
  get durable(): number {
    return this.#syncFlush ? this.#synced : this.#written
  }

  /** Everything before it is in the consume queues: as durable as declared, and confirmed where that is asked for. */
  get readable(): number {
    return this.#gate === undefined ? this.durable : this.#gate.readable
  }

  /** Nothing before it is ever taken back; undefined where nothing has to be confirmed. */
  get confirmed(): number | undefined {
    return this.#gate?.confirmed
  }

  /** Start of the last record before `readable`; -1 when there is none. */
  get lastRecord(): number {
    return this.#lastRecord
  }

  /** storeTimestamp of the last message synced. */
  get syncedTimestamp(): number {
    return this.#lastTimestampSynced
  }

  /** storeTimestamp of the last message that is readable, and synced. */
  get readableTimestamp(): number {
    return this.#gate === undefined
      ? this.#lastTimestampSynced
      : Math.min(this.#lastTimestampReadable, this.#lastTimestampSynced)
  }

  /** Whether only a restart, with its recovery, can make the log take messages again. */
  get dead(): boolean {
    return this.#dead
  }

  get failure(): ResponseError | undefined {
    return this.#failure
  }

  /**
   * Gives the message its place and copies it into the tail.
   * Throws ResponseError: MESSAGE_ILLEGAL for sizes, SYSTEM_BUSY when the disk cannot follow, SERVICE_NOT_AVAILABLE after a failure.
   */
  append(message: MessageToStore, maxBodyBytes = this.#config.maxMessageSize): Put {
    this.#admit()
    if (this.#gate !== undefined) this.#admitUnconfirmed(this.#gate)
    return this.#place(message, this.#fill(message, maxBodyBytes))
  }

  /** All or none; one behind the other, in one file when one can hold them. */
  appendBatch(messages: readonly MessageToStore[], maxBodyBytes = this.#config.maxMessageSize): Put[] {
    this.#admit()
    if (this.#gate !== undefined) this.#admitUnconfirmed(this.#gate)
    let total = 0
    for (const message of messages) total += this.#fill(message, maxBodyBytes)
    const room = this.#fileEnd - this.#appended
    if (total + BLANK_SIZE > room && total + BLANK_SIZE <= this.files.fileSizeBytes && room < this.files.fileSizeBytes)
      this.#roll()
    const puts: Put[] = []
    for (const message of messages) puts.push(this.#place(message, this.#fill(message, maxBodyBytes)))
    return puts
  }

  /**
   * Takes over whole records and blanks of a master's log, which begin where this log ends. The bytes are copied. Throws
   * ReplicationError when they are not what belongs there, and takes none of them then; and as `append`.
   */
  appendReplicated(physicalOffset: number, records: Buffer): void {
    this.#admit()
    if (physicalOffset !== this.#appended)
      throw new ReplicationError(`bytes for ${physicalOffset}, and this log ends at ${this.#appended}`)
    const checked = this.#checkReplicated(records)
    let at = 0
    for (const record of checked) {
      const { size } = record
      if (record.kind === 'blank') this.#roll()
      else this.#copy(records, at, record)
      at += record.kind === 'blank' ? records.length : size
    }
  }

  /** All that is in `records`, in order: a blank comes last, and of it only the head has to be there. */
  #checkReplicated(records: Buffer): (CheckedRecord | { kind: 'blank'; size: number })[] {
    const checked: (CheckedRecord | { kind: 'blank'; size: number })[] = []
    let position = this.#appended
    for (let at = 0; at < records.length; ) {
      const check = checkRecord(records, at, records.length)
      const room = this.#fileEnd - position
      if (check.kind === 'bad') throw new ReplicationError(`no record at ${position}: ${check.why}`)
      if (check.kind === 'blank') {
        if (check.size !== room)
          throw new ReplicationError(
            `a blank of ${check.size} bytes at ${position}, where a file of this log has ${room} left`,
          )
        checked.push(check)
        break
      }
      if (check.physicalOffset !== position)
        throw new ReplicationError(`a record at ${position} that belongs to ${check.physicalOffset}`)
      if (check.size + BLANK_SIZE > room)
        throw new ReplicationError(
          `a record of ${check.size} bytes at ${position}, where a file of this log has ${room} left: mappedFileSizeCommitLog has to be the master's`,
        )
      if (check.topicLength === 0 || check.queueId < 0 || check.queueOffset < 0)
        throw new ReplicationError(
          `a record at ${position} with a topic of ${check.topicLength} bytes, queueId ${check.queueId} and queueOffset ${check.queueOffset}`,
        )
      checked.push(check)
      at += check.size
      position += check.size
    }
    return checked
  }

  #copy(records: Buffer, at: number, record: CheckedRecord): void {
    const { size } = record
    const position = this.#appended
    const slab = this.tail.reserve(size, position, this.#written)
    records.copy(slab.buffer, slab.used, at, at + size)
    slab.used += size
    this.#appended = position + size
    const put = this.#putOf(records, record)
    // Whoever goes on here as master gives the next offset.
    if (this.#gate !== undefined && isQueued(put.sysFlag)) this.#owner.reserve(put.topic, put.queueId, put.queueOffset)
    this.#gather(put)
  }

  /** What became of a message when it was appended. */
  #putOf(bytes: Buffer, record: CheckedRecord): Put {
    const { physicalOffset, size, queueId, queueOffset, sysFlag, storeTimestamp, topicAt, topicLength } = record
    const topic = bytes.toString('utf8', topicAt, topicAt + topicLength)
    const traits = this.#traits
    traits.scan(bytes, record)
    const tagsCode = traits.tagsCode(topic, record)
    const { uniqKey, keys } = traits
    return new Put(topic, queueId, queueOffset, physicalOffset, size, storeTimestamp, tagsCode, sysFlag, uniqKey, keys)
  }

  #admit(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#appended - this.durable > this.#maxWaitingBytes)
      this.#refuseForNow(`${this.#appended - this.durable} bytes wait for the disk`)
  }

  /** A replica takes whatever its master has: it is the master that must not go too far ahead. */
  #admitUnconfirmed({ readable }: ConfirmGate): void {
    if (this.#appended - readable > UNCONFIRMED_FACTOR * this.#maxWaitingBytes)
      this.#refuseForNow(`${this.#appended - readable} bytes wait for replicas`)
  }

  #refuseForNow(why: string): never {
    this.#stats.putFailed++
    throw new ResponseError('SYSTEM_BUSY', `[PC_SYNCHRONIZED]broker busy, start flow control for a while: ${why}`)
  }

  /** Sets up the record to encode and returns its size; throws when it is too large for any of its places. */
  #fill(message: MessageToStore, maxBodyBytes: number): number {
    const record = this.#record
    record.topic = message.topic === this.#lastTopic ? this.#lastTopicBytes : this.#encodeTopic(message.topic)
    record.queueId = message.queueId
    record.flag = message.flag
    record.sysFlag = message.sysFlag
    record.bornTimestamp = message.bornTimestamp
    record.bornHost = message.bornHost as Buffer
    record.reconsumeTimes = message.reconsumeTimes
    record.preparedTransactionOffset = message.preparedTransactionOffset
    record.body = message.body
    record.properties = message.properties
    const size = recordSize(record)
    if (
      message.body.length > maxBodyBytes ||
      message.properties.length > MAX_PROPERTIES_LENGTH ||
      size > this.#maxRecordSize ||
      !(message.queueId >= 0 && message.queueId <= 0x7fffffff && Number.isInteger(message.queueId)) ||
      (message.bornHost.length !== HOST_V4_SIZE && message.bornHost.length !== HOST_V6_SIZE) ||
      looksTorn(message.properties)
    )
      this.#refuse(message, size, maxBodyBytes)
    return size
  }

  #refuse(message: MessageToStore, size: number, maxBodyBytes: number): never {
    this.#stats.putFailed++
    const { body, properties } = message
    if (body.length > maxBodyBytes)
      throw new ResponseError('MESSAGE_ILLEGAL', `body of ${body.length} bytes exceeds maxMessageSize ${maxBodyBytes}`)
    if (properties.length > MAX_PROPERTIES_LENGTH)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `properties of ${properties.length} bytes exceed the most allowed, ${MAX_PROPERTIES_LENGTH}`,
      )
    if (looksTorn(properties))
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `properties begin or end with a zero byte, or hold ${SECTOR_BYTES} in a row; allowed is text`,
      )
    if (size <= this.#maxRecordSize)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `queueId ${message.queueId} with a bornHost of ${message.bornHost.length} bytes; allowed are queueIds from 0 to ${0x7fffffff} and hosts of 8 (IPv4) or 20 bytes (IPv6)`,
      )
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `message of ${size} bytes exceeds the most allowed, ${this.#maxRecordSize}`,
    )
  }

  #encodeTopic(topic: string): Uint8Array {
    let bytes = this.#topicBytes.get(topic)
    if (bytes === undefined) {
      bytes = Buffer.from(topic, 'utf8')
      if (bytes.length === 0 || bytes.length > MAX_TOPIC_BYTES) {
        this.#stats.putFailed++
        throw new ResponseError(
          'MESSAGE_ILLEGAL',
          `topic of ${bytes.length} bytes; allowed are 1 to ${MAX_TOPIC_BYTES}`,
        )
      }
      // Its consume queues lie in a directory of this name.
      if (topic === '.' || topic === '..' || topic.includes('/') || topic.includes('\0')) {
        this.#stats.putFailed++
        throw new ResponseError('MESSAGE_ILLEGAL', `topic ${JSON.stringify(topic)} cannot be the name of a directory`)
      }
      if (this.#topicBytes.size >= 10_000) this.#topicBytes.clear()
      this.#topicBytes.set(topic, bytes)
    }
    this.#lastTopic = topic
    this.#lastTopicBytes = bytes
    return bytes
  }

  #place(message: MessageToStore, size: number): Put {
    if (size + BLANK_SIZE > this.#fileEnd - this.#appended) this.#roll()
    const at = this.#appended
    const slab = this.tail.reserve(size, at, this.#written)
    const { topic, queueId, sysFlag } = message
    const queueOffset = isQueued(sysFlag) ? this.#owner.assign(topic, queueId) : 0
    const storeTimestamp = this.#world.clock.now()
    encodeRecord(slab.buffer, slab.used, this.#record, queueOffset, at, storeTimestamp)
    slab.used += size
    this.#appended = at + size
    const put = new Put(
      topic,
      queueId,
      queueOffset,
      at,
      size,
      storeTimestamp,
      topic === SCHEDULE_TOPIC ? this.#deliveryTime(message, storeTimestamp) : message.tagsCode,
      sysFlag,
      message.uniqKey,
      message.keys,
    )
    this.#gather(put)
    return put
  }

  /** What has its place now goes to the disk with the others of its turn. */
  #gather(put: Put): void {
    const group = this.#pending
    group.end = this.#appended
    if (group.puts.push(put) === 1) group.startedMs = this.#world.clock.monotonicMs()
    if (!this.#scheduled && this.#writing === undefined) this.#schedule()
  }

  /**
   * A rebuild of the consume queue computes the delivery time from the stored record (CommitLog.java), so here it is
   * computed from the same values: queue n holds level n + 1.
   */
  #deliveryTime(message: MessageToStore, storeTimestamp: number): number {
    const delay = this.#config.messageDelayLevel[message.queueId]
    return delay === undefined ? message.tagsCode : storeTimestamp + delay
  }

  /** Fills the file's end and goes on in the next one. */
  #roll(): void {
    const at = this.#appended
    const slab = this.tail.reserve(BLANK_SIZE, at, this.#written)
    encodeBlank(slab.buffer, slab.used, this.#fileEnd - at)
    slab.used += BLANK_SIZE
    this.tail.seal()
    this.#appended = this.#fileEnd
    this.#fileEnd += this.files.fileSizeBytes
  }

  /**
   * Resolves when the write that covers `physicalEnd` has returned, and, with SYNC_FLUSH and `wait`, the sync after it. In a
   * gated store `wait` is for the confirmation, too.
   * To be called in the turn of the append: later, a failure may have given the offset to another message.
   */
  committed(physicalEnd: number, wait: boolean): Promise<PutStatus> {
    const durable =
      wait && (this.#syncFlush || this.#gate !== undefined || this.#replicated !== Number.POSITIVE_INFINITY)
    if (physicalEnd > this.#appended)
      return Promise.reject(
        this.#failure ?? new ResponseError('SERVICE_NOT_AVAILABLE', `nothing was stored before ${physicalEnd}`),
      )
    if (physicalEnd <= (durable ? Math.min(this.readable, this.#replicated) : this.#written)) return PUT_OK
    const group = this.#groupOf(physicalEnd)
    if (group === undefined)
      return Promise.reject(this.#failure ?? new ResponseError('SERVICE_NOT_AVAILABLE', 'the message was not stored'))
    if (durable) return (group.durable ??= new Shared()).promise
    return (group.written ??= new Shared()).promise
  }

  #groupOf(physicalEnd: number): CommitGroup | undefined {
    if (this.#writing !== undefined ? physicalEnd > this.#writing.end : physicalEnd > this.#written)
      return this.#pending
    const held = this.#gate?.groupOf(physicalEnd)
    if (held !== undefined) return held
    for (const group of this.#unreplicated) if (physicalEnd <= group.end) return group
    for (const group of this.#unsynced) if (physicalEnd <= group.end) return group
    return this.#writing
  }

  /**
   * Replicas have everything before `physicalOffset`: those who wait for `committed` are answered up to there. With Infinity
   * nobody waits for replicas any more.
   */
  replicated(physicalOffset: number): void {
    this.#replicated = physicalOffset
    let done = 0
    while (done < this.#unreplicated.length && this.#unreplicated[done]!.end <= physicalOffset)
      this.#unreplicated[done++]!.durable?.resolve('PUT_OK')
    if (done > 0) this.#unreplicated.splice(0, done)
  }

  /**
   * Gated stores: no other master will ever take back what is before `physicalOffset`. That far messages become readable, when they are
   * stored, and those who wait are answered. Never falls. Cheap: call it as often as something is known.
   */
  confirm(physicalOffset: number): void {
    this.#gate?.confirm(physicalOffset)
  }

  /** Called when the disk has taken or synced more, or has failed. Returns the way to stop that. */
  addAdvanceListener(listener: () => void): () => void {
    this.#advanceListeners.add(listener)
    return () => this.#advanceListeners.delete(listener)
  }

  #advanced(): void {
    for (const listener of this.#advanceListeners) listener()
  }

  #schedule(): void {
    this.#scheduled = true
    this.#world.clock.setImmediate(this.#writeNext)
  }

  readonly #writeNext = (): void => {
    this.#scheduled = false
    const group = this.#pending
    if (this.#writing !== undefined || group.puts.length === 0) return
    this.#writing = group
    this.#pending = new CommitGroup(this.#appended)
    this.#write(group.end).then(
      () => this.#writeReturned(group),
      error => this.#writeFailed(group, error),
    )
  }

  /** Writes from where the last write ended up to `to`: one call, or one per file. */
  async #write(to: number): Promise<void> {
    // All slices are taken before the first await: while a write runs, the ring of slabs moves on.
    const extents = this.#extents(this.#written, to)
    for (const { fileStart, position, slices } of extents) await this.#writeTo(fileStart, slices, position)
  }

  #extents(from: number, to: number): Extent[] {
    const extents: Extent[] = []
    for (const slab of this.tail.slabs) {
      if (slab.end <= from) continue
      if (slab.start >= to) break
      const first = Math.max(from, slab.start)
      const slice = slab.buffer.subarray(first - slab.start, Math.min(to, slab.end) - slab.start)
      const fileStart = this.files.startOf(first)
      const last = extents[extents.length - 1]
      if (last !== undefined && last.fileStart === fileStart) last.slices.push(slice)
      else extents.push({ fileStart, position: first - fileStart, slices: [slice] })
    }
    return extents
  }

  async #writeTo(fileStart: number, slices: Uint8Array[], position: number): Promise<void> {
    const { files } = this
    const file = files.find(fileStart) ?? (await files.create(fileStart))
    // Also when it fails: part of it may be there.
    file.dirty = true
    await files.use(file, handle => handle.write(slices, position))
    file.dirty = true
    const next = fileStart + files.fileSizeBytes
    if (position > files.fileSizeBytes / 2 && files.maxOffset === next && this.#unprepared !== next)
      // Ahead of need, so that no producer waits for it. When it fails, it is tried again when it is needed.
      files.create(next).catch(error => {
        this.#unprepared = next
        this.#world.log.warn({ error }, 'cannot prepare the next commitlog file')
      })
  }

  #writeReturned(group: CommitGroup): void {
    this.#writing = undefined
    if (this.#dead) {
      // A sync failed meanwhile: nothing that lies behind it counts.
      this.#cut([group, this.#pending])
      this.#idle?.resolve()
      return
    }
    const stats = this.#stats
    stats.commitGroups++
    this.#written = group.end
    this.#lastTimestampWritten = group.puts[group.puts.length - 1]!.storeTimestamp
    group.written?.resolve('PUT_OK')
    if (this.#advanceListeners.size > 0) {
      group.writtenMs = this.#world.clock.monotonicMs()
      this.#advanced()
    }
    if (this.#syncFlush) {
      group.writtenMs = this.#world.clock.monotonicMs()
      this.#unsynced.push(group)
      this.#armTimeout(this.#config.syncFlushTimeout)
      this.sync()
    } else this.#stored(group)
    if (this.#pending.puts.length > 0) {
      if (!this.#scheduled) this.#schedule()
    } else this.#idle?.resolve()
  }

  /** The group is on this machine's disk, as it is declared. */
  #stored(group: CommitGroup): void {
    const gate = this.#gate
    if (gate === undefined) {
      this.#release(group)
      return
    }
    if (group.writtenMs === 0) group.writtenMs = this.#world.clock.monotonicMs()
    if (gate.hold(group)) this.#armTimeout(this.#config.slaveTimeout)
  }

  /** The group's messages are as safe as they are declared to be: readers see them. */
  #release(group: CommitGroup): void {
    const { puts } = group
    const stats = this.#stats
    this.#count(puts)
    this.#makeReadable(puts)
    stats.putDone(puts.length, this.#world.clock.monotonicMs() - group.startedMs)
    if (group.end <= this.#replicated) group.durable?.resolve('PUT_OK')
    else if (group.durable !== undefined) {
      if (group.writtenMs === 0) group.writtenMs = this.#world.clock.monotonicMs()
      this.#unreplicated.push(group)
      this.#armTimeout(this.#config.slaveTimeout)
    }
  }

  #count(puts: readonly Put[]): void {
    const stats = this.#stats
    stats.putMessages += puts.length
    for (let i = 0; i < puts.length; i++) stats.putBytes += puts[i]!.sizeBytes
  }

  #makeReadable(puts: readonly Put[]): void {
    const last = puts[puts.length - 1]!
    this.#lastRecord = last.physicalOffset
    this.#lastTimestampReadable = last.storeTimestamp
    this.#owner.dispatch(puts)
  }

  async #readPuts(from: number, to: number, visit: (puts: readonly Put[], end: number) => void): Promise<number> {
    let puts: Put[] = []
    const handOver = async () => {
      const last = puts.at(-1)
      if (last !== undefined) visit(puts, last.physicalOffset + last.sizeBytes)
      puts = []
    }
    const { end } = await new LogScanner(this.files, CATCH_UP_BYTES).scan(from, {
      to,
      durableTo: to,
      mayBeTorn: false,
      visit: (buffer, record) => puts.push(this.#putOf(buffer, record)),
      pause: handOver,
      damaged: (physicalOffset, next, why) => {
        this.#stats.damagedRecords++
        this.#world.log.error(
          { physicalOffset, next, why },
          'the commit log is damaged; what lies between is lost, the rest is kept',
        )
      },
    })
    await handOver()
    return end
  }

  /** Syncs what has been written so far. Never rejects: a failure ends the log's life and is told to all who wait. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined
      if (this.#unsynced.length > 0 && !this.#dead) this.sync()
    })
    return this.#syncing
  }

  async #sync(): Promise<void> {
    const target = this.#written
    const timestamp = this.#lastTimestampWritten
    if (this.#dead || target <= this.#synced) return
    const started = this.#world.clock.monotonicMs()
    try {
      await this.files.sync()
    } catch (error) {
      this.#syncFailed(error)
      return
    }
    if (this.#dead) return
    const elapsed = this.#world.clock.monotonicMs() - started
    this.#stats.logSyncs++
    if (elapsed > this.#stats.logSyncMaxMs) this.#stats.logSyncMaxMs = elapsed
    this.#synced = target
    this.#lastTimestampSynced = timestamp
    if (this.#advanceListeners.size > 0) this.#advanced()
    let released = 0
    while (released < this.#unsynced.length && this.#unsynced[released]!.end <= target)
      this.#stored(this.#unsynced[released++]!)
    if (released > 0) this.#unsynced.splice(0, released)
  }

  /** Tells producers that wait too long for a sync or for replicas; the message may become durable later all the same. */
  #armTimeout(delayMs: number): void {
    const dueMs = this.#world.clock.monotonicMs() + delayMs
    if (this.#timeout !== undefined && this.#timeoutDueMs <= dueMs) return
    this.#timeout?.cancel()
    this.#timeoutDueMs = dueMs
    this.#timeout = this.#world.clock.setTimeout(() => {
      this.#timeout = undefined
      const { syncFlushTimeout, slaveTimeout } = this.#config
      const unsynced = this.#timeOut(this.#unsynced, syncFlushTimeout, 'FLUSH_DISK_TIMEOUT')
      const unreplicated = this.#timeOut(this.#unreplicated, slaveTimeout, 'FLUSH_SLAVE_TIMEOUT')
      // Nobody asks for them any more, and replicas may stay away for ever.
      this.#unreplicated.splice(0, unreplicated.late)
      const unconfirmedMs =
        this.#gate?.answerLate(this.#world.clock.monotonicMs(), slaveTimeout) ?? Number.POSITIVE_INFINITY
      const left = Math.min(unsynced.leftMs, unreplicated.leftMs, unconfirmedMs)
      if (left < Number.POSITIVE_INFINITY) this.#armTimeout(left)
    }, delayMs)
  }

  /** Answers those that are late. Returns how many, and in how many milliseconds the next one is; Infinity when there is none. */
  #timeOut(groups: readonly CommitGroup[], timeoutMs: number, status: PutStatus): { late: number; leftMs: number } {
    const now = this.#world.clock.monotonicMs()
    for (let late = 0; late < groups.length; late++) {
      const { writtenMs, durable } = groups[late]!
      const leftMs = writtenMs + timeoutMs - now
      if (leftMs > 0) return { late, leftMs }
      durable?.resolve(status)
    }
    return { late: groups.length, leftMs: Number.POSITIVE_INFINITY }
  }

  #writeFailed(group: CommitGroup, error: unknown): void {
    const code = (error as { code?: unknown }).code
    // A full disk gets space again, and connections give their handles back; what else a write can say will be said again.
    const recoverable = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE'
    this.#writing = undefined
    this.#fail(`writing the commit log failed: ${(error as Error).message}`, error, recoverable)
    this.#cut([group, this.#pending])
    this.#unclean = true
    this.#idle?.resolve()
  }

  #syncFailed(error: unknown): void {
    this.#dead = true
    this.#fail(`syncing the commit log failed: ${(error as Error).message}`, error, false)
    for (const group of this.#unsynced.splice(0)) this.#lose(group)
    if (this.#advanceListeners.size > 0) this.#advanced()
    if (this.#writing === undefined) this.#cut([this.#pending])
    this.#idle?.resolve()
  }

  #fail(reason: string, error: unknown, recoverable: boolean): void {
    if (!recoverable) this.#dead = true
    this.#failure = new ResponseError('SERVICE_NOT_AVAILABLE', reason, { cause: error })
    this.#world.log.error({ error, physicalOffset: this.#written, recoverable }, reason)
    this.#owner.failed(reason, recoverable)
  }

  /** The log ends where the last good write ended; `groups` lay behind that, in this order. */
  #cut(groups: readonly CommitGroup[]): void {
    this.tail.truncate(this.#written)
    this.#appended = this.#written
    this.#fileEnd = this.files.startOf(this.#written) + this.files.fileSizeBytes
    this.#pending = new CommitGroup(this.#appended)
    for (let i = groups.length - 1; i >= 0; i--) this.#lose(groups[i]!)
  }

  #lose(group: CommitGroup): void {
    const { puts } = group
    this.#stats.putFailed += puts.length
    for (let i = puts.length - 1; i >= 0; i--) {
      const put = puts[i]!
      if (isQueued(put.sysFlag)) this.#owner.unassign(put.topic, put.queueId, put.queueOffset)
    }
    group.reject(this.#failure)
  }

  /**
   * Tries to go on after a full disk, once it has space: clears what the failed write may have left behind the end of the log, lest a later
   * recovery take it for messages. Returns whether messages are taken again.
   */
  async resume(): Promise<boolean> {
    if (this.#failure === undefined) return true
    if (this.#dead) return false
    try {
      if (this.#unclean) await this.files.clearFrom(this.#written)
      this.#unclean = false
      await this.#probe()
    } catch (error) {
      this.#world.log.warn({ error }, 'the commit log stays read-only: what follows its end cannot be written')
      return false
    }
    this.#failure = undefined
    return true
  }

  /** Zeros behind the log's end are what is there already, but now they take space: a disk that is still full says so. */
  async #probe(): Promise<void> {
    const { files } = this
    const start = files.startOf(this.#written)
    const position = this.#written - start
    const zeros = Buffer.alloc(Math.min(PROBE_BYTES, files.fileSizeBytes - position))
    const file = files.find(start) ?? (await files.create(start))
    file.dirty = true
    await files.use(file, handle => handle.write([zeros], position))
  }

  /** Writes and syncs all there is. Returns false when the log has failed and is not clean on disk. */
  async drain(): Promise<boolean> {
    while (this.#failure === undefined && (this.#writing !== undefined || this.#pending.puts.length > 0)) {
      this.#idle = new Shared()
      await this.#idle.promise
      this.#idle = undefined
    }
    while (!this.#dead && this.#synced < this.#written) await this.sync()
    this.#timeout?.cancel()
    await this.#gate?.stop()
    if (this.#failure !== undefined && !(await this.resume())) return false
    return !this.#dead
  }
}
