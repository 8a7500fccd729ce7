import { checkRecord, PropertyFinder } from '@rocketcluster/protocol/internal'
import type { World } from '@rocketcluster/world'
import type { CompactionLog } from './compaction-log.ts'
import { NewestOffsets, newestOffsetsBytes } from './newest-offsets.ts'
import { readRecords } from './read-records.ts'
import { compactingIn, type Replacement } from './replacement.ts'
import { type Kept, type Segment, Segments } from './segments.ts'
import { getSparseUnit, SPARSE_UNIT_SIZE, type SparseUnit } from './sparse-unit.ts'

/** Bytes of records read at once; everything else in the process has its turn between two such reads. */
const BATCH_BYTES = 256 * 1024
const BATCH_UNITS = 128
const KEYS = 0

export interface PassResult {
  readonly replacement: Replacement
  readonly segments: readonly Segment[]
  readonly replaced: readonly Segment[]
  readonly kept: number
  readonly removed: number
  readonly keptBytes: number
  readonly removedBytes: number
}

interface Message extends Kept {
  /** The whole KEYS property, as its bytes. */
  readonly key: Uint8Array
  readonly isTombstone: boolean
}

/** Whether it goes on: a run that is not wanted any more ends by throwing. */
export type MayGoOn = () => void

/** Which messages one pass looks at. */
export interface PassRange {
  /** All files of the queue that take no more messages. */
  readonly sealed: readonly Segment[]
  /** Queue offset that the pass before has come to. */
  readonly position: number
  /** Queue offset that the run before had come to. */
  readonly runFrom: number
  readonly memoryBytes: number
}

/**
 * One pass of a compaction: the newest offset of each key that came behind `position`, as many as fit into `memoryBytes`,
 * and then new files from all up to there that lack what has a newer one. A message without a body (a tombstone) goes too,
 * but one run later than what it replaces: who is reading meanwhile sees it. The queue's last message always stays, so that
 * nobody takes the queue for shorter than it was. What is there is only read. Rejects with DiskError.
 */
export async function compactionPass(
  queue: CompactionLog,
  { sealed, position, runFrom, memoryBytes }: PassRange,
  mayGoOn: MayGoOn,
): Promise<PassResult> {
  const { parts } = queue
  const last = sealed.at(-1)!.lastOffset
  const fresh = sealed.filter(segment => segment.lastOffset > position)
  const units = fresh.reduce((sum, segment) => sum + segment.units, 0)
  const newest = new NewestOffsets(Math.min(memoryBytes, newestOffsetsBytes(units)))
  let reached = position
  fill: for (const segment of fresh) {
    const from = segment.firstOffset > position ? 0 : await parts.units.indexOf(segment, position + 1)
    for await (const messages of messagesOf(queue, segment, from)) {
      mayGoOn()
      for (const { key, queueOffset } of messages) {
        if (!newest.put(key, queueOffset)) break fill
        reached = queueOffset
      }
    }
  }
  // The last messages may all be damaged; they are passed all the same.
  if (reached === position || newest.size === 0) reached = last
  const replaced = sealed.filter(segment => segment.firstOffset <= reached)
  const into = new Segments(parts, compactingIn(queue.segments.directories), false)
  const counts = { kept: 0, removed: 0, keptBytes: 0, removedBytes: 0 }
  for (const segment of replaced) {
    for await (const messages of messagesOf(queue, segment, 0)) {
      mayGoOn()
      const kept = messages.filter(message => {
        const { queueOffset } = message
        const stays =
          queueOffset > reached ||
          queueOffset === last ||
          (queueOffset >= newest.get(message.key) && !(message.isTombstone && queueOffset <= runFrom))
        counts[stays ? 'kept' : 'removed']++
        counts[stays ? 'keptBytes' : 'removedBytes'] += message.record.length
        return stays
      })
      await into.append(kept)
    }
  }
  await into.seal()
  const names = (segments: readonly Segment[]) => segments.map(({ name }) => name)
  // A tombstone may be all that was there up to `reached`.
  return {
    replacement: { position: reached, remove: names(replaced), add: names(into.list) },
    segments: into.list,
    replaced,
    ...counts,
  }
}

/**
 * The segment's messages from an entry on, a few at a time. Those that are damaged come from the commit log; when it does not
 * have them either they are reported and left out. Rejects with DiskError.
 */
async function* messagesOf(queue: CompactionLog, segment: Segment, fromIndex: number): AsyncGenerator<Message[]> {
  const { parts } = queue
  const properties = new PropertyFinder('KEYS')
  for (let index = fromIndex; index < segment.units; ) {
    const { buffer, start, count } = await parts.units.from(segment, index)
    const units: SparseUnit[] = []
    let bytes = 0
    for (let i = 0; i < count && units.length < BATCH_UNITS && bytes < BATCH_BYTES; i++) {
      const unit = getSparseUnit(buffer, start + i * SPARSE_UNIT_SIZE)
      units.push(unit)
      bytes += unit.sizeBytes
    }
    const read = await readRecords(parts, segment, units)
    const messages: Message[] = []
    for (const [i, unit] of units.entries()) {
      const found = read[i] ?? (await copyOf(queue, unit, segment))
      if (found === undefined) continue
      const { check, at } = found
      const { propertiesAt, propertiesLength, queueOffset, storeTimestamp } = check
      properties.scan(found.buffer, propertiesAt, propertiesAt + propertiesLength)
      messages.push({
        record: found.buffer.subarray(at, at + check.size),
        queueOffset,
        storeTimestamp,
        tagsCode: unit.tagsCode,
        key: properties.has(KEYS)
          ? found.buffer.subarray(properties.starts[KEYS]!, properties.ends[KEYS]!)
          : found.buffer.subarray(0, 0),
        isTombstone: check.bodyLength === 0,
      })
    }
    index += units.length
    yield messages
    await endOfTurn(parts.world)
  }
}

async function copyOf(queue: CompactionLog, unit: SparseUnit, segment: Segment) {
  const buffer = await queue.original(unit.queueOffset)
  const check = buffer === undefined ? undefined : checkRecord(buffer, 0)
  if (buffer !== undefined && check?.kind === 'record') {
    const { topic, queueId } = queue
    const { queueOffset } = unit
    queue.parts.world.log.warn(
      { topic, queueId, queueOffset, path: segment.logPath },
      'a message in a compaction log was damaged: it is taken from the commit log again',
    )
    return { buffer, at: 0, check }
  }
  queue.reportDamage(unit.queueOffset, segment.logPath)
  return undefined
}

const endOfTurn = (world: World) => new Promise<void>(resolve => world.clock.setImmediate(resolve))
