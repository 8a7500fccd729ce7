import { DiskError, type World } from '@rocketcluster/world'
import type { CompactedQueue } from '../get-message.ts'
import type { GetMessageRequest, GetMessageResult, GetMessageStatus } from '../types.ts'
import type { Gate } from './gate.ts'
import type { Positions } from './positions.ts'
import { type ReadRecord, readRecords } from './read-records.ts'
import type { Replacement } from './replacement.ts'
import { rebuildUnits } from './segment-scan.ts'
import { type Directories, type Segment, type SegmentParts, Segments } from './segments.ts'
import { getSparseUnit, SPARSE_UNIT_SIZE, type SparseUnit } from './sparse-unit.ts'
import { DamagedUnits, type UnitCache } from './unit-cache.ts'

/** Bytes of records that one request may read only to refuse them. */
const MOST_REFUSED_BYTES = 4 * 1024 * 1024
/** A reader that a compaction overtakes begins again. */
const MOST_ATTEMPTS = 20
const ATTEMPT_PAUSE_MS = 5
const MOST_HINTS = 8
const CQ_UNIT_SIZE = 20

/** What compaction needs of the store: the queue as the commit log has it. */
export interface LogQueues {
  /** Messages as the commit log has them, whatever has been compacted. As `Store.getMessage`. */
  get(request: GetMessageRequest): GetMessageResult | Promise<GetMessageResult>
  minOffset(topic: string, queueId: number): number
  maxOffset(topic: string, queueId: number): number
  /** Counts messages that go to a reader. */
  count(messages: number, bytes: number): void
}

/** What all queues of a store share. */
export interface CompactionParts extends SegmentParts {
  readonly world: World
  readonly log: LogQueues
  readonly positions: Positions
  readonly units: UnitCache
  readonly limits: {
    readonly maxTransferBytesOnMessageInMemory: number
    readonly maxTransferCountOnMessageInMemory: number
    readonly maxFilterMessageSize: number
  }
  /** The thread pool's other threads stay free for writes and syncs. */
  readonly readers: Gate
  /** Counts a message that could not be read. */
  readonly damaged: () => void
}

/** Where to go on in the queue: what an earlier read found out. */
interface Place {
  readonly segment: Segment
  readonly index: number
}

interface Damage {
  readonly queueOffset: number
  readonly path: string
}

/**
 * One queue of a compaction topic: its own copy of the messages, without those that a newer one of the same key has replaced
 * (CompactionLog.java). Up to `position` only this copy is read; behind it nothing has been removed yet, and messages are
 * read from the commit log as those of any queue, as long as it has them.
 */
export class CompactionLog implements CompactedQueue {
  readonly topic: string
  readonly queueId: number
  readonly segments: Segments
  readonly parts: CompactionParts
  /** Every message of the queue before it has been copied, or had no key. */
  copiedTo = 0
  deleted = false
  /** A set of files that is to take the place of another, and has not on disk. */
  pending: Replacement | undefined
  /** Counts sets of files: whoever reads and finds another one begins again. */
  #generation = 0
  readonly #hints = new Map<number, Place>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: CompactionParts, topic: string, queueId: number, directories: Directories, list: Segment[] = []) {
    this.parts = parts
    this.topic = topic
    this.queueId = queueId
    this.segments = new Segments(parts, directories, true, list)
    this.copiedTo = (list.at(-1)?.lastOffset ?? -1) + 1
  }

  /** Queue offset up to which messages have been compacted, itself included; -1 when none have. */
  get position(): number {
    return Math.min(this.parts.positions.get(this.topic, this.queueId), this.segments.list.at(-1)?.lastOffset ?? -1)
  }

  get minOffset(): number {
    const first = this.segments.list[0]?.firstOffset ?? -1
    const inLog = this.parts.log.minOffset(this.topic, this.queueId)
    return first < 0 ? inLog : Math.min(first, this.denseFrom)
  }

  /** From here on the commit log has every message that the queue ever got. */
  get denseFrom(): number {
    return Math.max(this.position + 1, this.parts.log.minOffset(this.topic, this.queueId))
  }

  /** One after the other: what changes the list of segments. */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run)
    this.#turn = done.catch(() => {})
    return done
  }

  /** Other files count from now on, for readers at once. */
  replaceList(list: Segment[]): void {
    this.segments.list = list
    this.#generation++
    this.#hints.clear()
  }

  /** Messages from `queueOffset` on, or the next there are. Rejects with DiskError. */
  async get(request: GetMessageRequest): Promise<GetMessageResult> {
    for (let attempt = 1; ; attempt++) {
      const generation = this.#generation
      const damage: Damage[] = []
      try {
        const result = await this.parts.readers.run(() => this.#get(request, damage))
        if (generation === this.#generation) {
          if (result.messageCount > 0) this.parts.log.count(result.messageCount, result.sizeBytes)
          for (const { queueOffset, path } of damage) this.reportDamage(queueOffset, path)
          return result
        }
        result.release()
      } catch (error) {
        if (error instanceof DamagedUnits) {
          if (attempt >= MOST_ATTEMPTS) throw error
          await this.repair(error.segment)
          continue
        }
        const isMoving = this.pending !== undefined && error instanceof DiskError && error.code === 'ENOENT'
        if ((generation === this.#generation && !isMoving) || attempt >= MOST_ATTEMPTS || this.deleted) throw error
      }
      await this.parts.world.clock.sleep(ATTEMPT_PAUSE_MS)
    }
  }

  /** Makes a queue file that is damaged anew from the records it should point to. Rejects with DiskError. */
  repair(segment: Segment): Promise<void> {
    return this.inTurn(async () => {
      const { list } = this.segments
      const index = list.indexOf(segment)
      if (index < 0 || this.deleted) return
      const { units } = segment
      const skippedBytes = await rebuildUnits(this.parts, segment, list[index - 1]?.lastOffset ?? -1)
      this.parts.units.forget(segment)
      const { topic, queueId } = this
      this.parts.world.log.error(
        { topic, queueId, path: segment.cqPath, before: units, after: segment.units, skippedBytes },
        'a sparse consume queue file was damaged: it is made anew from the messages that are whole',
      )
      this.replaceList(segment.units > 0 ? list : list.filter(one => one !== segment))
    })
  }

  reportDamage(queueOffset: number, path: string): void {
    const { topic, queueId } = this
    this.parts.damaged()
    this.parts.world.log.error(
      { topic, queueId, queueOffset, path },
      'a message in a compaction log is damaged, and the commit log does not have it any more: it is lost',
    )
  }

  async #get(request: GetMessageRequest, damage: Damage[]): Promise<GetMessageResult> {
    const { limits, log } = this.parts
    const { topic, queueId, maxCount, filter } = request
    const generation = this.#generation
    const asked = Math.max(0, request.queueOffset)
    let place = await this.#find(asked)
    const maxBytes = Math.min(request.maxBytes ?? Number.POSITIVE_INFINITY, limits.maxTransferBytesOnMessageInMemory)
    const most = Math.min(Math.max(1, maxCount), limits.maxTransferCountOnMessageInMemory)
    const perConfig = Math.max(Math.floor(limits.maxFilterMessageSize / CQ_UNIT_SIZE), most)
    let mayLookAt = Math.min(perConfig, filter?.maxEntries ?? perConfig)
    const records: Uint8Array[] = []
    let sizeBytes = 0
    let refusedBytes = 0
    let next = asked
    let isFull = false
    while (place !== undefined && !isFull && mayLookAt > 0) {
      const { segment } = place
      const { buffer, start, count } = await this.parts.units.from(segment, place.index)
      const wanted: SparseUnit[] = []
      let bytes = sizeBytes
      let i = 0
      let lookedTo = next
      for (; i < count && mayLookAt > 0; i++) {
        const unit = getSparseUnit(buffer, start + i * SPARSE_UNIT_SIZE)
        const taken = records.length + wanted.length
        if (taken > 0 && (taken >= most || bytes + unit.sizeBytes > maxBytes)) {
          isFull = true
          break
        }
        mayLookAt--
        lookedTo = unit.queueOffset + 1
        if (filter !== undefined && !filter.byEntry(unit.tagsCode)) continue
        wanted.push(unit)
        bytes += unit.sizeBytes
      }
      const read = wanted.length > 0 ? await readRecords(this.parts, segment, wanted) : []
      for (const [n, unit] of wanted.entries()) {
        const record = await this.#record(read[n], unit, segment, damage)
        if (record === undefined) continue
        if (filter?.byRecord !== undefined && !filter.byRecord(record)) {
          refusedBytes += record.length
          continue
        }
        records.push(record)
        sizeBytes += record.length
      }
      next = lookedTo
      place = this.#after(segment, place.index + i)
      if (refusedBytes > MOST_REFUSED_BYTES) break
    }
    const max = log.maxOffset(topic, queueId)
    // The copy ends here; what follows is in the commit log.
    if (records.length === 0 && place === undefined && !isFull) {
      const from = Math.max(next, log.minOffset(topic, queueId))
      if (from < max) return this.#withMin(await log.get({ ...request, queueOffset: from }))
      next = Math.max(next, max)
    }
    // What was found in files that have been replaced meanwhile must not lead the next reader there.
    if (place !== undefined && generation === this.#generation) this.#remember(next, place)
    return {
      status: records.length > 0 ? 'FOUND' : 'NO_MATCHED_MESSAGE',
      records,
      messageCount: records.length,
      sizeBytes,
      nextBeginOffset: next,
      minOffset: this.minOffset,
      maxOffset: max,
      suggestPullingFromSlave: false,
      release() {},
    }
  }

  #withMin(found: GetMessageResult): GetMessageResult {
    const { minOffset } = this
    const status: GetMessageStatus = found.status
    const { records, messageCount, sizeBytes, nextBeginOffset, maxOffset, suggestPullingFromSlave } = found
    const release = () => found.release()
    return {
      status,
      records,
      messageCount,
      sizeBytes,
      nextBeginOffset,
      minOffset,
      maxOffset,
      suggestPullingFromSlave,
      release,
    }
  }

  async #record(
    read: ReadRecord | undefined,
    unit: SparseUnit,
    segment: Segment,
    damage: Damage[],
  ): Promise<Uint8Array | undefined> {
    if (read !== undefined) return read.buffer.subarray(read.at, read.at + read.check.size)
    const original = await this.original(unit.queueOffset)
    if (original === undefined) damage.push({ queueOffset: unit.queueOffset, path: segment.logPath })
    return original
  }

  /** A message as the commit log has it; undefined when it does not have it any more. Rejects with DiskError. */
  async original(queueOffset: number): Promise<Buffer | undefined> {
    const { log } = this.parts
    const { topic, queueId } = this
    if (queueOffset < log.minOffset(topic, queueId) || queueOffset >= log.maxOffset(topic, queueId)) return undefined
    const found = await log.get({ topic, queueId, queueOffset, maxCount: 1 })
    try {
      const isIt = found.messageCount === 1 && found.nextBeginOffset === queueOffset + 1
      return isIt ? Buffer.from(found.records[0]!) : undefined
    } finally {
      found.release()
    }
  }

  /** The first entry at or behind the offset; undefined when the copy has none. */
  async #find(queueOffset: number): Promise<Place | undefined> {
    const hint = this.#hints.get(queueOffset)
    if (hint !== undefined && hint.index < hint.segment.units) return hint
    const { list } = this.segments
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      if (list[middle]!.lastOffset >= queueOffset) high = middle
      else low = middle + 1
    }
    const segment = list[low]
    if (segment === undefined || segment.units === 0) return undefined
    return { segment, index: await this.parts.units.indexOf(segment, queueOffset) }
  }

  #after(segment: Segment, index: number): Place | undefined {
    if (index < segment.units) return { segment, index }
    const next = this.segments.list[this.segments.list.indexOf(segment) + 1]
    return next === undefined || next.units === 0 ? undefined : { segment: next, index: 0 }
  }

  #remember(queueOffset: number, place: Place): void {
    this.#hints.delete(queueOffset)
    this.#hints.set(queueOffset, place)
    if (this.#hints.size <= MOST_HINTS) return
    for (const oldest of this.#hints.keys()) {
      this.#hints.delete(oldest)
      return
    }
  }

  /** storeTimestamp of the first message at or behind the offset; undefined when there is none. Rejects with DiskError. */
  async next(queueOffset: number): Promise<{ queueOffset: number; storeTimestamp: number } | undefined> {
    const found = await this.#find(queueOffset)
    if (found === undefined) return undefined
    const { buffer, start } = await this.parts.units.from(found.segment, found.index)
    return getSparseUnit(buffer, start)
  }
}
