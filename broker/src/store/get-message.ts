import { getInt, getLong, MESSAGE_MAGIC_V1, MESSAGE_MAGIC_V2 } from '@rocketcluster/protocol/internal'
import type { Log } from '@rocketcluster/world'
import type { Block, ColdBlocks, Leased } from './cold-blocks.ts'
import type { StoreConfig } from './config.ts'
import type { HotTail } from './hot-tail.ts'
import type { LogFiles } from './log-files.ts'
import type { StoreStats } from './stats.ts'
import type { GetMessageRequest, GetMessageResult, GetMessageStatus } from './types.ts'

/** Bytes of one consume-queue unit. */
const UNIT_SIZE = 20
/** Queue entries looked at before the disk is asked for what they point to. */
const PLAN_COUNT = 32
/** Records of one block that are worth reading all of it, rather than each of them. */
const BLOCK_WORTHY = 4
/** Two records this close are read in one go, with what lies between them. */
const JOIN_GAP_BYTES = 16 * 1024

/**
 * Bytes of records that one request may read only to refuse them. Their memory is held until it ends; the next request goes
 * on from there.
 */
const MOST_REFUSED_BYTES = 4 * 1024 * 1024

/** Consecutive entries of one consume queue: `count` units from byte `start` of `buffer`. */
export interface Units {
  readonly count: number
  readonly buffer: Uint8Array
  readonly start: number
}

/** A queue of a compaction topic: some of its messages are no longer read from the log. */
export interface CompactedQueue {
  /** Of the first message there is. */
  readonly minOffset: number
  /** From here on the log has all messages. */
  readonly denseFrom: number
  /** Messages from `queueOffset` on, or the next there are. Rejects with DiskError. */
  get(request: GetMessageRequest): Promise<GetMessageResult>
}

/** What reading needs of the consume queues. */
export interface QueueReader {
  minOffset(topic: string, queueId: number): number
  maxOffset(topic: string, queueId: number): number
  has(topic: string, queueId: number): boolean
  compacted(topic: string, queueId: number): CompactedQueue | undefined
  read(topic: string, queueId: number, fromOffset: number, count: number): Units | Promise<Units>
}

/** True when the record that the queue points to really lies at `at`. */
export function isRecordAt(buffer: Uint8Array, at: number, physicalOffset: number, sizeBytes: number): boolean {
  if (getInt(buffer, at) !== sizeBytes) return false
  const magic = getInt(buffer, at + 4)
  return (magic === MESSAGE_MAGIC_V1 || magic === MESSAGE_MAGIC_V2) && getLong(buffer, at + 28) === physicalOffset
}

class Result implements GetMessageResult {
  status: GetMessageStatus
  readonly records: Uint8Array[] = []
  messageCount = 0
  sizeBytes = 0
  nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  suggestPullingFromSlave = false
  /** Messages on the way were not in the log any more, or damaged. */
  hasGaps = false
  readonly #leases: Leased[] = []

  constructor(status: GetMessageStatus, nextBeginOffset: number, minOffset: number, maxOffset: number) {
    this.status = status
    this.nextBeginOffset = nextBeginOffset
    this.minOffset = minOffset
    this.maxOffset = maxOffset
  }

  lease(memory: Leased): void {
    memory.readers++
    this.#leases.push(memory)
  }

  release(): void {
    for (const memory of this.#leases) memory.readers--
    this.#leases.length = 0
  }
}

/** Finds messages of a queue as DefaultMessageStore.java#getMessage does: the same statuses, limits and next offsets. */
export class MessageReader {
  readonly #config: StoreConfig
  readonly #queues: QueueReader
  readonly #tail: HotTail
  readonly #cold: ColdBlocks
  readonly #files: LogFiles
  readonly #readable: () => number
  readonly #stats: StoreStats
  readonly #log: Log
  /** A reader closer to the end than this counts as reading from memory. */

  constructor(parts: {
    config: StoreConfig
    queues: QueueReader
    tail: HotTail
    cold: ColdBlocks
    files: LogFiles
    readable: () => number
    stats: StoreStats
    log: Log
  }) {
    this.#config = parts.config
    this.#queues = parts.queues
    this.#tail = parts.tail
    this.#cold = parts.cold
    this.#files = parts.files
    this.#readable = parts.readable
    this.#stats = parts.stats
    this.#log = parts.log
  }

  /** How far behind the log's end counts as in memory. */
  get #inMemoryBytes(): number {
    return (this.#config.physicalMemoryBytes * this.#config.accessMessageInMemoryMaxRatio) / 100
  }

  get(request: GetMessageRequest): GetMessageResult | Promise<GetMessageResult> {
    const { topic, queueId, queueOffset } = request
    const queues = this.#queues
    this.#stats.getCalls++
    if (!queues.has(topic, queueId)) return this.#nothing('NO_MATCHED_LOGIC_QUEUE', queueOffset, 0, 0, 0)
    const compacted = queues.compacted(topic, queueId)
    if (compacted === undefined) return this.#getFromLog(request, queues.minOffset(topic, queueId))
    if (queueOffset >= compacted.denseFrom || queues.maxOffset(topic, queueId) === 0)
      return this.#getDense(request, compacted)
    return compacted.get(request)
  }

  /** Retention removes files before the queues hear of it: what was in them is in the copy. */
  #getDense(request: GetMessageRequest, compacted: CompactedQueue): GetMessageResult | Promise<GetMessageResult> {
    const whole = (found: Result) => {
      if (!found.hasGaps) return found
      found.release()
      return compacted.get(request)
    }
    const found = this.#getFromLog(request, compacted.minOffset)
    return found instanceof Promise ? found.then(whole) : whole(found)
  }

  /** Messages as the log has them, whatever else there is of their queue. Not counted as read. */
  getFromLog(request: GetMessageRequest): GetMessageResult | Promise<GetMessageResult> {
    const { topic, queueId, queueOffset } = request
    if (!this.#queues.has(topic, queueId)) return this.#nothing('NO_MATCHED_LOGIC_QUEUE', queueOffset, 0, 0, 0)
    return this.#getFromLog(request, this.#queues.minOffset(topic, queueId), false)
  }

  #getFromLog(request: GetMessageRequest, min: number, counts = true): Result | Promise<Result> {
    const { topic, queueId, queueOffset } = request
    const queues = this.#queues
    const max = queues.maxOffset(topic, queueId)
    if (max === 0) return this.#nothing('NO_MESSAGE_IN_QUEUE', queueOffset, 0, min, max)
    if (queueOffset < min) return this.#nothing('OFFSET_TOO_SMALL', queueOffset, min, min, max)
    if (queueOffset === max) return this.#nothing('OFFSET_OVERFLOW_ONE', queueOffset, max, min, max)
    if (queueOffset > max) return this.#nothing('OFFSET_OVERFLOW_BADLY', queueOffset, max, min, max)

    const scan = new Scan(this, request, min, max, counts)
    const units = queues.read(topic, queueId, queueOffset, scan.unitsWanted())
    if (units instanceof Promise) return this.#finishLater(scan, units)
    if (units.count === 0) return this.#unreadable(scan)
    scan.feed(units)
    if (scan.run()) return this.#finish(scan)
    return this.#finishLater(scan, undefined)
  }

  #nothing(status: GetMessageStatus, asked: number, corrected: number, min: number, max: number): Result {
    const keep = this.#config.brokerRole === 'SLAVE' && !this.#config.offsetCheckInSlave
    return new Result(status, keep ? asked : corrected, min, max)
  }

  /** Entries that the queue says it has, but has not: goes on with the next file of the queue, as Apache does. */
  #unreadable(scan: Scan): Result {
    const perFile = this.#config.mappedFileSizeConsumeQueue / UNIT_SIZE
    const offset = scan.result.nextBeginOffset
    scan.result.status = 'OFFSET_FOUND_NULL'
    scan.result.hasGaps = true
    scan.result.nextBeginOffset = Math.min((Math.floor(offset / perFile) + 1) * perFile, scan.result.maxOffset)
    return scan.result
  }

  async #finishLater(scan: Scan, units: Promise<Units> | undefined): Promise<Result> {
    try {
      if (units !== undefined) {
        const found = await units
        if (found.count === 0) return this.#unreadable(scan)
        scan.feed(found)
      }
      while (!scan.run()) await scan.load()
      return this.#finish(scan)
    } catch (error) {
      scan.result.release()
      throw error
    } finally {
      scan.letGo()
    }
  }

  #finish(scan: Scan): Result {
    const { result } = scan
    scan.endRun()
    if (result.messageCount > 0) {
      result.status = 'FOUND'
      if (scan.counts) this.count(result.messageCount, result.sizeBytes)
    }
    result.suggestPullingFromSlave = this.#readable() - scan.lastPhysicalOffset > this.#inMemoryBytes
    return result
  }

  /** Messages of one request that go to their reader. */
  count(messages: number, bytes: number): void {
    const stats = this.#stats
    stats.getFound++
    stats.getMessages += messages
    stats.getBytes += bytes
  }

  get config(): StoreConfig {
    return this.#config
  }

  get tail(): HotTail {
    return this.#tail
  }

  get cold(): ColdBlocks {
    return this.#cold
  }

  get files(): LogFiles {
    return this.#files
  }

  get stats(): StoreStats {
    return this.#stats
  }

  isInMemory(physicalOffset: number): boolean {
    return this.#readable() - physicalOffset <= this.#inMemoryBytes
  }

  /** DefaultMessageStore.java#checkInMemByConsumeOffset. Entries that are not in memory themselves belong to old messages. */
  isEntryInMemory(topic: string, queueId: number, queueOffset: number): boolean {
    if (this.isInMemory(this.#files.minOffset)) return true
    const units = this.#queues.read(topic, queueId, queueOffset, 1)
    if (units instanceof Promise) {
      units.catch(() => {})
      return false
    }
    return units.count > 0 && this.isInMemory(getLong(units.buffer, units.start))
  }

  damaged(request: GetMessageRequest, queueOffset: number, physicalOffset: number, sizeBytes: number): void {
    this.#stats.damagedRecords++
    this.#log.error(
      { topic: request.topic, queueId: request.queueId, queueOffset, physicalOffset, sizeBytes },
      'the consume queue points to a record that is not there: the message is skipped',
    )
  }
}

/** One getMessage under way: walks the queue's entries, stops where memory ends, and goes on when that has been read. */
class Scan {
  readonly result: Result
  lastPhysicalOffset = 0
  readonly #reader: MessageReader
  readonly #request: GetMessageRequest
  readonly #maxBytes: number
  #units: Units = { count: 0, buffer: Buffer.alloc(0), start: 0 }
  #index = 0
  /** Of records that were read for a filter that did not want them. */
  #refusedBytes = 0
  /** Entries below it are known to be deleted. */
  #deletedBelow = Number.NEGATIVE_INFINITY
  /** The slice being gathered: records that lie one behind the other in one buffer. */
  #runMemory: Leased | undefined
  #runStart = 0
  #runEnd = 0
  /** What `load` has found or brought: kept from being reused until `letGo`. */
  readonly #held: Leased[] = []
  /** Loading did not bring this record: it is not on the disk. */
  #missing = -1

  /** Whether it is a reader's request, not the broker's own. */
  readonly counts: boolean

  constructor(reader: MessageReader, request: GetMessageRequest, min: number, max: number, counts: boolean) {
    this.counts = counts
    this.#reader = reader
    this.#request = request
    this.#maxBytes = request.maxBytes ?? Number.POSITIVE_INFINITY
    this.result = new Result('NO_MATCHED_MESSAGE', request.queueOffset, min, max)
  }

  /** How many entries the scan may have to look at: more when a filter drops some. */
  unitsWanted(): number {
    const { maxCount, filter, queueOffset } = this.#request
    const perConfig = Math.max(Math.floor(this.#reader.config.maxFilterMessageSize / UNIT_SIZE), maxCount)
    const most = Math.min(perConfig, filter?.maxEntries ?? perConfig)
    return Math.min(filter === undefined ? Math.max(maxCount, 1) : most, this.result.maxOffset - queueOffset)
  }

  feed(units: Units): void {
    this.#units = units
  }

  /** Returns true when done, false when `load` has to bring the next records first. */
  run(): boolean {
    const { result } = this
    const { filter } = this.#request
    const { buffer, start, count } = this.#units
    const reader = this.#reader
    for (; this.#index < count; this.#index++) {
      const at = start + this.#index * UNIT_SIZE
      const physicalOffset = getLong(buffer, at)
      const sizeBytes = getInt(buffer, at + 8)
      if (this.#full(physicalOffset, sizeBytes)) return true
      const queueOffset = this.#request.queueOffset + this.#index
      this.lastPhysicalOffset = physicalOffset
      if (physicalOffset < this.#deletedBelow) {
        result.nextBeginOffset = queueOffset + 1
        continue
      }
      if (filter !== undefined && !filter.byEntry(getLong(buffer, at + 12))) {
        result.nextBeginOffset = queueOffset + 1
        continue
      }
      if (physicalOffset < reader.files.minOffset) {
        result.nextBeginOffset = queueOffset + 1
        result.hasGaps = true
        if (result.messageCount === 0) result.status = 'MESSAGE_WAS_REMOVING'
        this.#deletedBelow = reader.files.minOffset
        continue
      }
      const memory = this.#locate(physicalOffset, sizeBytes)
      if (memory === undefined && this.#missing !== physicalOffset) return false
      result.nextBeginOffset = queueOffset + 1
      if (
        memory === undefined ||
        !isRecordAt(memory.buffer, physicalOffset - memory.start, physicalOffset, sizeBytes)
      ) {
        result.hasGaps = true
        reader.damaged(this.#request, queueOffset, physicalOffset, sizeBytes)
        if (result.messageCount === 0) result.status = 'MESSAGE_WAS_REMOVING'
        continue
      }
      const from = physicalOffset - memory.start
      if (filter?.byRecord !== undefined && !filter.byRecord(memory.buffer.subarray(from, from + sizeBytes))) {
        if (result.messageCount === 0) result.status = 'NO_MATCHED_MESSAGE'
        this.#refusedBytes += sizeBytes
        if (this.#refusedBytes > MOST_REFUSED_BYTES) return true
        continue
      }
      this.#take(memory, from, sizeBytes)
    }
    return true
  }

  #locate(physicalOffset: number, sizeBytes: number): Leased | undefined {
    const slab = this.#reader.tail.find(physicalOffset)
    if (slab !== undefined) return physicalOffset + sizeBytes <= slab.end ? slab : undefined
    for (const block of this.#held)
      if (physicalOffset >= block.start && physicalOffset + sizeBytes <= block.end) return block
    const block = this.#reader.cold.find(physicalOffset, sizeBytes)
    if (block !== undefined) this.#reader.stats.coldBlockHits++
    return block
  }

  /** DefaultMessageStore.java#isTheBatchFull: the first message always goes. */
  #full(physicalOffset: number, sizeBytes: number): boolean {
    return this.#fullWith(this.result.messageCount, this.result.sizeBytes, physicalOffset, sizeBytes)
  }

  #fullWith(messageCount: number, bytes: number, physicalOffset: number, sizeBytes: number): boolean {
    if (messageCount === 0) return false
    const { maxCount } = this.#request
    if (messageCount >= maxCount || bytes + sizeBytes > this.#maxBytes) return true
    const config = this.#reader.config
    return this.#reader.isInMemory(physicalOffset)
      ? bytes + sizeBytes > config.maxTransferBytesOnMessageInMemory ||
          messageCount >= config.maxTransferCountOnMessageInMemory
      : bytes + sizeBytes > config.maxTransferBytesOnMessageInDisk ||
          messageCount >= config.maxTransferCountOnMessageInDisk
  }

  #take(memory: Leased, from: number, sizeBytes: number): void {
    const { result } = this
    if (this.#runMemory === memory && this.#runEnd === from) this.#runEnd += sizeBytes
    else {
      this.endRun()
      this.#runMemory = memory
      this.#runStart = from
      this.#runEnd = from + sizeBytes
      result.lease(memory)
    }
    result.messageCount++
    result.sizeBytes += sizeBytes
    if (memory.start >= this.#reader.tail.start) this.#reader.stats.getHotMessages++
    else this.#reader.stats.getColdMessages++
  }

  endRun(): void {
    if (this.#runMemory === undefined) return
    this.result.records.push(this.#runMemory.buffer.subarray(this.#runStart, this.#runEnd))
    this.#runMemory = undefined
  }

  /** Brings the records that come next from the disk: whole blocks where several lie close, else just them. Throws DiskError. */
  async load(): Promise<void> {
    const { buffer, start, count } = this.#units
    const { filter } = this.#request
    const { cold } = this.#reader
    const perBlock = new Map<number, { physicalOffset: number; sizeBytes: number }[]>()
    const singles: { physicalOffset: number; sizeBytes: number }[] = []
    let bytes = this.result.sizeBytes
    let planned = this.result.messageCount
    const wanted = getLong(buffer, start + this.#index * UNIT_SIZE)
    for (let i = this.#index; i < count && i < this.#index + PLAN_COUNT; i++) {
      const at = start + i * UNIT_SIZE
      const physicalOffset = getLong(buffer, at)
      const sizeBytes = getInt(buffer, at + 8)
      if (i > this.#index && this.#fullWith(planned, bytes, physicalOffset, sizeBytes)) break
      if (i > this.#index && filter !== undefined && !filter.byEntry(getLong(buffer, at + 12))) continue
      planned++
      bytes += sizeBytes
      const memory = this.#locate(physicalOffset, sizeBytes)
      if (memory !== undefined) {
        // While the others are read, the tail moves on and blocks are evicted.
        memory.readers++
        this.#held.push(memory)
        continue
      }
      // A damaged entry may claim anything; nothing is read for what cannot be.
      if (!this.#plausible(physicalOffset, sizeBytes)) continue
      const record = { physicalOffset, sizeBytes }
      if (!cold.fits(physicalOffset, sizeBytes)) singles.push(record)
      else {
        const block = cold.startOf(physicalOffset)
        const inBlock = perBlock.get(block)
        if (inBlock === undefined) perBlock.set(block, [record])
        else inBlock.push(record)
      }
    }
    const reads: Promise<Block | undefined>[] = []
    for (const [block, inBlock] of perBlock) {
      if (inBlock.length >= BLOCK_WORTHY) {
        const last = inBlock.at(-1)!
        reads.push(cold.lease(block, last.physicalOffset + last.sizeBytes))
      } else singles.push(...inBlock)
    }
    singles.sort((a, b) => a.physicalOffset - b.physicalOffset)
    for (let i = 0; i < singles.length; ) {
      const first = singles[i]!.physicalOffset
      let end = first + singles[i]!.sizeBytes
      for (i++; i < singles.length && this.#near(first, end, singles[i]!); i++)
        end = singles[i]!.physicalOffset + singles[i]!.sizeBytes
      reads.push(cold.read(first, end - first).then(block => this.#count(block)))
    }
    const results = await Promise.allSettled(reads)
    for (const read of results) if (read.status === 'fulfilled' && read.value !== undefined) this.#held.push(read.value)
    for (const read of results) if (read.status === 'rejected') throw read.reason
    if (this.#missing !== wanted) this.#missing = wanted
  }

  #count(block: Block | undefined): Block | undefined {
    if (block !== undefined) block.readers++
    return block
  }

  #near(first: number, end: number, next: { physicalOffset: number; sizeBytes: number }): boolean {
    const { files } = this.#reader
    return next.physicalOffset - end <= JOIN_GAP_BYTES && files.startOf(next.physicalOffset) === files.startOf(first)
  }

  #plausible(physicalOffset: number, sizeBytes: number): boolean {
    const { fileSizeBytes } = this.#reader.files
    return sizeBytes > 0 && (physicalOffset % fileSizeBytes) + sizeBytes <= fileSizeBytes
  }

  letGo(): void {
    for (const block of this.#held) block.readers--
    this.#held.length = 0
  }
}
