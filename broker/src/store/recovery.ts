import { type CheckedRecord, isQueued, MIN_RECORD_SIZE, sysFlag } from '@rocketcluster/protocol/internal'
import type { Log, World } from '@rocketcluster/world'
import { Checkpoint, NOT_COUNTED, type Vouched } from './checkpoint.ts'
import type { LogStart } from './commit-log.ts'
import type { StoreConfig } from './config.ts'
import { ConsumeQueues } from './consume-queues.ts'
import { IndexService } from './index-service.ts'
import type { LogFiles } from './log-files.ts'
import { LogScanner } from './log-scanner.ts'
import { RecordTraits } from './record-traits.ts'
import { truncateLog } from './truncation.ts'

/** Apache takes three seconds off its timestamps (StoreCheckpoint.java#getMinTimestamp). */
const CHECKPOINT_SLACK_MS = 3000
/** Queues whose minOffset is correct before the store serves. */
const QUEUES_TO_WAIT_FOR = 1000
/** Entries that a queue may lack without damage that explains it. */
const MOST_UNEXPLAINED = 1_000_000
const TRANSACTION_MASK = 0xc

export interface Recovered {
  readonly queues: ConsumeQueues
  readonly index: IndexService | undefined
  readonly checkpoint: Checkpoint
  /** Where the log ends; what lies behind it in the files are zeros. */
  readonly log: LogStart
  readonly damagedRecords: number
}

export interface RecoveryOptions {
  /** Physical offset at which the log is cut before anything else. */
  readonly truncateTo?: number
  /** What is not known to be confirmed is in the log only, not in what is derived from it. */
  readonly gated?: boolean
}

/**
 * Finds out what the last process left, makes log, consume queues and index agree, and marks the store as in use.
 *
 * With our own checkpoint, only what lies behind the offset it vouches for is read. Without it (a store of Apache's, or a
 * checkpoint that does not fit the log) the rules of DefaultMessageStore.java#recover say where to start.
 * Behind the part known to be synced, the first thing that is not a record ends the log, as in Apache. Before it, that is
 * damage: reported, skipped, and nothing behind it is given up.
 *
 * Parts that have been opened are added to `opened`, for the caller to close when this throws.
 */
export async function recover(
  world: World,
  config: StoreConfig,
  files: LogFiles,
  opened: { close(): Promise<void> }[],
  { truncateTo, gated = false }: RecoveryOptions = {},
): Promise<Recovered> {
  const { disk, log, clock } = world
  const root = config.storePathRootDir
  const started = clock.monotonicMs()
  const checkpoint = await Checkpoint.open(disk, root)
  opened.push(checkpoint)
  const clean = checkpoint.wasClean
  const scanner = new LogScanner(files)
  let vouched = await trustworthy(checkpoint, files, scanner)
  if (checkpoint.vouched !== undefined && vouched === undefined && files.files.length > 0)
    log.warn({ checkpoint: checkpoint.vouched }, 'the checkpoint does not fit the log: recovering without it')
  const isCut =
    truncateTo !== undefined && (await truncateLog({ checkpoint, vouched, files, scanner, world, root }, truncateTo))
  if (isCut && vouched !== undefined) vouched = checkpoint.vouched
  const queues = await ConsumeQueues.open(world, {
    lastExitOk: clean,
    // After a crash the entries behind the checkpoint may be torn: they are made again from the log.
    trustedPhysicalOffset: vouched?.vouchedOffset,
    directory: `${root}/consumequeue`,
    fileSizeBytes: config.mappedFileSizeConsumeQueue,
    maxOpenFiles: config.maxOpenFiles,
    log,
  })
  opened.push(queues)
  const index = config.messageIndexEnable
    ? await IndexService.open(world, {
        directory: `${root}/index`,
        maxHashSlotNum: config.maxHashSlotNum,
        maxIndexNum: config.maxIndexNum,
        maxOpenFiles: config.maxOpenFiles,
        checkpointTimestamp: clean ? undefined : checkpoint.apache.indexMsgTimestamp,
        log,
      })
    : undefined
  if (index !== undefined) opened.push(index)

  const from = await startingPoints({ clean, vouched, checkpoint, files, scanner, queues, index, config })

  if (!clean) await queues.truncate(from.queues)
  // What readers have seen is not hidden from them again.
  const confirmed = gated
    ? Math.max(
        checkpoint.confirmPhyOffset,
        vouched?.vouchedOffset ?? 0,
        from.queues,
        vouched === undefined && clean && !isCut ? queues.maxPhysicalOffset : 0,
      )
    : Number.POSITIVE_INFINITY
  const redispatch = new Redispatch(world.log, files, queues, index, config, from, confirmed)
  const scanned = await scanner.scan(from.log, {
    durableTo: vouched?.syncedOffset ?? 0,
    mayBeTorn: !clean,
    visit: (buffer, record) => redispatch.visit(buffer, record),
    pause: async () => {
      if (queues.needsFlush) await queues.flush()
      if (index?.needsFlush) await index.flush()
    },
    damaged: (physicalOffset, next, why) => {
      redispatch.damagedRecords++
      redispatch.damagedBytes += next - physicalOffset
      log.error({ physicalOffset, next, why }, 'the commit log is damaged; what lies between is lost, the rest is kept')
    },
  })
  const { end } = scanned
  const { damagedRecords } = redispatch
  // Nothing was read, as all was vouched for: the checkpoint knows the last record.
  const lastKnown =
    vouched?.vouchedOffset === end
      ? { lastRecord: vouched.lastRecord, lastTimestamp: checkpoint.apache.physicMsgTimestamp }
      : { lastRecord: -1, lastTimestamp: checkpoint.apache.physicMsgTimestamp }
  const last = scanned.lastRecord >= 0 ? scanned : lastKnown
  const readable = confirmed >= end ? { end, ...last } : redispatch.readable(vouched, checkpoint)
  const start: LogStart = {
    end,
    readable: readable.end,
    lastRecord: readable.lastRecord,
    lastTimestamp: last.lastTimestamp,
    lastTimestampReadable: readable.lastTimestamp,
  }

  const asLeft = clean && !isCut && vouched?.vouchedOffset === end && from.log === end
  if (!asLeft) {
    // What a killed process wrote may be in the page cache only, in more files than the last.
    await files.rewriteBetween(Math.max(files.minOffset, vouched?.syncedOffset ?? from.log), end)
    await files.clearFrom(end)
    await queues.truncate(readable.end)
    await index?.truncate(readable.end)
    await queues.flush()
    const indexed = await index?.flush()
    await checkpoint.write({
      physicMsgTimestamp: last.lastTimestamp,
      logicsMsgTimestamp: readable.lastTimestamp,
      indexMsgTimestamp: indexed?.storeTimestamp ?? 0,
      vouchedOffset: readable.end,
      lastRecord: readable.lastRecord,
      syncedOffset: end,
      indexedOffset: indexedTo(index),
      entryCount: queues.entryCount,
      ...(gated ? { confirmPhyOffset: readable.end } : {}),
    })
  }
  redispatch.reserve()
  // With very many queues this takes seconds; until it is done, readers skip what is gone one pull at a time.
  const corrected = queues.correctMin(files.minOffset)
  if (queueCount(queues) <= QUEUES_TO_WAIT_FOR) await corrected
  else corrected.catch(error => log.error({ error }, 'correcting the least offsets of the consume queues failed'))
  log.info(
    {
      clean,
      checkpoint: vouched !== undefined,
      from: from.log,
      end,
      readable: readable.end,
      minOffset: files.minOffset,
      why: scanned.why,
      damagedRecords,
      ms: Math.round(clock.monotonicMs() - started),
    },
    'the store is recovered',
  )
  return { queues, index, checkpoint, log: start, damagedRecords }
}

/**
 * What the checkpoint says, if the log is still the one it was written for. When nobody but us has had the store, it is,
 * whatever its last records look like: then they are damaged. Else a record has to prove it.
 */
async function trustworthy(checkpoint: Checkpoint, files: LogFiles, scanner: LogScanner): Promise<Vouched | undefined> {
  const { vouched } = checkpoint
  if (vouched === undefined || files.files.length === 0) return undefined
  const { vouchedOffset, lastRecord, previousRecord } = vouched
  if (vouchedOffset < files.minOffset || vouchedOffset > files.maxOffset) return undefined
  if (vouchedOffset === 0 || checkpoint.untouched) return vouched
  if (lastRecord >= files.minOffset) {
    const last = await scanner.recordAt(lastRecord)
    if (last !== undefined) {
      const lastEnd = lastRecord + last.size
      if (lastEnd === vouchedOffset) return vouched
      const blank = await scanner.blankAt(lastEnd)
      if (blank !== undefined && lastEnd + blank === vouchedOffset) return vouched
    }
  }
  // The last record itself may be damaged; one that follows, or one before it, vouches as well.
  if ((await scanner.recordAt(vouchedOffset)) !== undefined) return vouched
  if (previousRecord >= files.minOffset && (await scanner.recordAt(previousRecord)) !== undefined) return vouched
  return undefined
}

function queueCount(queues: ConsumeQueues): number {
  let count = 0
  for (const { queueIds } of queues.topics()) count += queueIds.length
  return count
}

interface StartingPoints {
  /** Where the scan starts. */
  readonly log: number
  /** From here on records go into the consume queues. */
  readonly queues: number
  /** From here on records go into the index. */
  readonly index: number
}

async function startingPoints(parts: {
  clean: boolean
  vouched: Vouched | undefined
  checkpoint: Checkpoint
  files: LogFiles
  scanner: LogScanner
  queues: ConsumeQueues
  index: IndexService | undefined
  config: StoreConfig
}): Promise<StartingPoints> {
  const { clean, vouched, checkpoint, files, scanner, queues, index } = parts
  const min = files.minOffset
  if (vouched !== undefined) {
    // Somebody deleted or cut files of consume queues: entries that are missing are made again from the log.
    const areWhole = vouched.entryCount === NOT_COUNTED || queues.entryCount === vouched.entryCount
    const queuesFrom = areWhole ? vouched.vouchedOffset : min
    const indexLost = index !== undefined && indexedTo(index) < vouched.indexedOffset
    const indexFrom = indexLost ? Math.max(min, indexedTo(index) + 1) : vouched.vouchedOffset
    // Only a record boundary can be scanned from; where the index ends is none.
    const log = Math.min(queuesFrom, indexLost ? boundaryBefore(files, indexFrom) : indexFrom)
    return { log, queues: queuesFrom, index: indexFrom }
  }
  const matches = clean
    ? (physicalOffset: number, _timestamp: number) => physicalOffset <= queues.maxPhysicalOffset
    : (_physicalOffset: number, timestamp: number) => timestamp <= minTimestamp(checkpoint)
  let log = min
  for (let i = files.files.length - 1; i > 0; i--) {
    const { start } = files.files[i]!
    const first = await scanner.recordAt(start)
    if (first !== undefined && matches(start, first.storeTimestamp)) {
      log = start
      break
    }
  }
  return { log, queues: log, index: clean ? Math.max(log, indexedTo(index) + 1) : log }
}

/** Physical offset of the newest message in the index; -1 when it has none. */
export function indexedTo(index: IndexService | undefined): number {
  return index === undefined || index.lastUpdateTimestamp === 0 ? -1 : index.lastUpdatePhysicalOffset
}

/** Each file begins with a record. */
function boundaryBefore(files: LogFiles, physicalOffset: number): number {
  return Math.max(files.minOffset, files.startOf(physicalOffset))
}

function minTimestamp(checkpoint: Checkpoint): number {
  const { physicMsgTimestamp, logicsMsgTimestamp } = checkpoint.apache
  return Math.max(0, Math.min(physicMsgTimestamp, logicsMsgTimestamp) - CHECKPOINT_SLACK_MS)
}

/** Puts records of the log into the consume queues and the index, with the values that their first dispatch gave them. */
class Redispatch {
  /** Damaged places met. */
  damagedRecords = 0
  /** What lay there. */
  damagedBytes = 0
  readonly #log: Log
  readonly #files: LogFiles
  readonly #queues: ConsumeQueues
  readonly #index: IndexService | undefined
  readonly #from: StartingPoints
  readonly #confirmed: number
  readonly #traits: RecordTraits
  /** The last record that is readable: where it begins and ends, and its storeTimestamp. -1 when none was met. */
  #lastRecord = -1
  #lastEnd = -1
  #lastTimestamp = 0
  /** Topic → queueId → newest queue offset that is taken by a message which is not readable yet. */
  readonly #taken = new Map<string, Map<number, number>>()

  constructor(
    log: Log,
    files: LogFiles,
    queues: ConsumeQueues,
    index: IndexService | undefined,
    config: StoreConfig,
    from: StartingPoints,
    confirmed: number,
  ) {
    this.#confirmed = confirmed
    this.#log = log
    this.#files = files
    this.#queues = queues
    this.#index = index
    this.#from = from
    this.#traits = new RecordTraits(() => config.messageDelayLevel)
  }

  /** Where what is readable ends, when that is before the log's end. */
  readable(vouched: Vouched | undefined, checkpoint: Checkpoint) {
    if (this.#lastRecord >= 0)
      return { end: this.#lastEnd, lastRecord: this.#lastRecord, lastTimestamp: this.#lastTimestamp }
    return {
      end: vouched?.vouchedOffset ?? this.#from.log,
      lastRecord: vouched?.lastRecord ?? -1,
      lastTimestamp: checkpoint.apache.logicsMsgTimestamp,
    }
  }

  /** The next message of each queue comes behind those that are not readable yet. */
  reserve(): void {
    for (const [topic, taken] of this.#taken)
      for (const [queueId, queueOffset] of taken) this.#queues.reserve(topic, queueId, queueOffset)
  }

  #take(topic: string, { queueId, queueOffset, physicalOffset }: CheckedRecord): void {
    // A record that lies about its place is met when it becomes readable.
    if (queueOffset < 0 || queueOffset > physicalOffset / MIN_RECORD_SIZE) return
    const taken = this.#taken.get(topic) ?? new Map<number, number>()
    taken.set(queueId, queueOffset)
    this.#taken.set(topic, taken)
  }

  visit(buffer: Buffer, record: CheckedRecord): void {
    const { physicalOffset, queueId, queueOffset, topicAt, storeTimestamp } = record
    const recordEnd = physicalOffset + record.size
    if (recordEnd > this.#confirmed) {
      if (isQueued(record.sysFlag)) this.#take(buffer.toString('utf8', topicAt, topicAt + record.topicLength), record)
      return
    }
    this.#lastRecord = physicalOffset
    this.#lastEnd = recordEnd
    this.#lastTimestamp = storeTimestamp
    const forQueues = isQueued(record.sysFlag) && physicalOffset >= this.#from.queues
    const forIndex =
      this.#index !== undefined &&
      physicalOffset >= this.#from.index &&
      (record.sysFlag & TRANSACTION_MASK) !== sysFlag.TRANSACTION_ROLLBACK_TYPE
    if (!forQueues && !forIndex) return
    const topic = buffer.toString('utf8', topicAt, topicAt + record.topicLength)
    const traits = this.#traits
    traits.scan(buffer, record)
    try {
      if (forQueues && this.#fillGap(topic, record)) {
        const tagsCode = traits.tagsCode(topic, record)
        this.#queues.put(topic, queueId, queueOffset, physicalOffset, record.size, tagsCode)
      }
      if (forIndex) {
        this.#index!.put(topic, traits.uniqKey, traits.keys, physicalOffset, record.storeTimestamp)
      }
    } catch (error) {
      // The CRC covers the body only: a flipped bit elsewhere makes a record that no queue can take.
      if (!(error instanceof RangeError)) throw error
      this.#skip(topic, record, error.message)
    }
  }

  #skip(topic: string, record: CheckedRecord, why: string): void {
    this.damagedRecords++
    const { physicalOffset, queueId, queueOffset } = record
    this.#log.error(
      { topic, queueId, queueOffset, physicalOffset, why },
      'a record is damaged: its queue does not get it',
    )
  }

  /**
   * Damage left a hole in the queue. It is filled with entries that point at nothing readable, so that the messages behind
   * it keep their offsets; who reads them skips them. An offset that no log of this length can have given is no hole: the
   * record itself lies about its place (the CRC covers the body only). Returns false then.
   */
  #fillGap(topic: string, record: CheckedRecord): boolean {
    const { queueId, queueOffset, physicalOffset } = record
    const queues = this.#queues
    if (queueOffset < 0 || queueOffset > physicalOffset / MIN_RECORD_SIZE) {
      this.#skip(topic, record, 'there cannot have been so many messages before it')
      return false
    }
    const next = queues.maxOffset(topic, queueId)
    if (next === 0) return true
    if (queueOffset - next > Math.max(MOST_UNEXPLAINED, this.damagedBytes / MIN_RECORD_SIZE)) {
      this.#skip(topic, record, `no damage explains that ${queueOffset - next} messages before it are missing`)
      return false
    }
    for (let offset = next; offset < queueOffset; offset++) {
      const left = queueOffset - offset
      queues.put(topic, queueId, offset, this.#files.minOffset - left, 1, 0)
      // Refused, as the queue has messages behind the log's start: then just before the next message.
      if (queues.maxOffset(topic, queueId) === offset) queues.put(topic, queueId, offset, physicalOffset - left, 1, 0)
    }
    return true
  }
}
