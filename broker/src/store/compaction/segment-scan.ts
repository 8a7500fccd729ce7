import { checkRecord, getLong, javaHashUtf8, MIN_RECORD_SIZE, PropertyFinder } from '@rocketcluster/protocol/internal'
import { isTorn } from '../log-scanner.ts'
import { makeDurableDirectory } from '../make-directory.ts'
import type { Segment, SegmentParts } from './segments.ts'
import { putSparseUnit, SPARSE_UNIT_SIZE } from './sparse-unit.ts'

const WINDOW_BYTES = 1024 * 1024
/** The three bytes that both magics of a record begin with. */
const MAGIC_PREFIX = Buffer.from([0xda, 0xa3, 0x20])

/**
 * Makes the queue file of a segment anew from the records of its log file that are whole and stand in order behind
 * `afterOffset`; `segment` then says what there is. For queue files that are missing or damaged. Returns how many bytes
 * between records were none. Rejects with DiskError.
 */
export async function rebuildUnits(parts: SegmentParts, segment: Segment, afterOffset: number): Promise<number> {
  const { logBytes, cqBytes } = parts.sizes
  const units = Buffer.alloc(cqBytes)
  const properties = new PropertyFinder('TAGS')
  let count = 0
  let last = afterOffset
  let first = -1
  let end = 0
  let skipped = 0
  let wanted = WINDOW_BYTES
  await parts.files.use(segment.logPath, async file => {
    for (let position = 0; position < logBytes; ) {
      const buffer = Buffer.alloc(Math.min(wanted, logBytes - position))
      const length = await file.read(buffer, position)
      wanted = WINDOW_BYTES
      let at = 0
      while (at < length) {
        const check = checkRecord(buffer, at, length)
        if (check.kind === 'record' && check.physicalOffset === segment.start + position + at) {
          // What a power cut has left of a write that nobody had synced; sectors count from the file's start.
          const isCut = isTorn(buffer, at, { ...check, physicalOffset: position + at })
          if (!isCut && check.queueOffset > last && (count + 1) * SPARSE_UNIT_SIZE < cqBytes) {
            properties.scan(buffer, check.propertiesAt, check.propertiesAt + check.propertiesLength)
            const tagsCode = properties.has(0) ? javaHashUtf8(buffer, properties.starts[0]!, properties.ends[0]!) : 0
            putSparseUnit(units, count * SPARSE_UNIT_SIZE, {
              physicalOffset: check.physicalOffset,
              sizeBytes: check.size,
              tagsCode,
              storeTimestamp: check.storeTimestamp,
              queueOffset: check.queueOffset,
            })
            if (count === 0) first = check.queueOffset
            count++
            last = check.queueOffset
            skipped += position + at - end
            end = position + at + check.size
          }
          at += check.size
          continue
        }
        const needs = check.kind === 'bad' ? check.needs : undefined
        if (
          needs !== undefined &&
          needs > length &&
          position + at + needs <= logBytes &&
          position + length < logBytes
        ) {
          // Only cut off by the window.
          wanted = Math.max(WINDOW_BYTES, needs)
          break
        }
        at = nextRecord(buffer, at + 1, length, segment.start + position)
      }
      if (length === 0) break
      // A record may begin in the last bytes of the window.
      position +=
        at >= length ? Math.max(1, length - (position + length < logBytes ? MIN_RECORD_SIZE : 0), end - position) : at
    }
  })
  await parts.files.forget(segment.cqPath)
  // It may be missing, with its directory.
  await makeDurableDirectory(parts.disk, segment.cqPath.slice(0, segment.cqPath.lastIndexOf('/')))
  const file = await parts.disk.open(segment.cqPath, 'create')
  try {
    await file.truncate(0)
    await file.truncate(cqBytes)
    await file.write([units.subarray(0, count * SPARSE_UNIT_SIZE)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  segment.units = count
  segment.firstOffset = first
  segment.lastOffset = count > 0 ? last : -1
  segment.end = segment.start + end
  return skipped
}

/** Where the next thing begins that says it is the record of its place; `length` when there is none. */
function nextRecord(buffer: Buffer, from: number, length: number, physicalOffset: number): number {
  for (
    let hit = buffer.indexOf(MAGIC_PREFIX, from + 4);
    hit >= 0 && hit < length;
    hit = buffer.indexOf(MAGIC_PREFIX, hit + 1)
  ) {
    const at = hit - 4
    if (at + MIN_RECORD_SIZE > length || getLong(buffer, at + 28) === physicalOffset + at) return at
  }
  return length
}
