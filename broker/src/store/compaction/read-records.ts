import { type CheckedRecord, checkRecord } from '@rocketcluster/protocol/internal'
import type { Segment, SegmentParts } from './segments.ts'
import type { SparseUnit } from './sparse-unit.ts'

/** Records this close are read in one go, with what lies between them. */
const JOIN_GAP_BYTES = 16 * 1024

/** A record as it was read; positions in `check` are those in `buffer`. */
export interface ReadRecord {
  readonly buffer: Buffer
  readonly at: number
  readonly check: CheckedRecord
}

/**
 * The records that entries of one segment point to, in their order; undefined for each that is not whole, by its place, its
 * offset and the CRC of its body. Rejects with DiskError.
 */
export async function readRecords(
  parts: SegmentParts,
  segment: Segment,
  units: readonly SparseUnit[],
): Promise<(ReadRecord | undefined)[]> {
  const { logBytes } = parts.sizes
  const found: (ReadRecord | undefined)[] = []
  await parts.files.use(segment.logPath, async file => {
    for (let from = 0; from < units.length; ) {
      const { physicalOffset, sizeBytes } = units[from]!
      const isPlausible = (unit: SparseUnit) =>
        unit.physicalOffset >= segment.start && unit.physicalOffset + unit.sizeBytes <= segment.start + logBytes
      if (!isPlausible(units[from]!)) {
        found.push(undefined)
        from++
        continue
      }
      let end = physicalOffset + sizeBytes
      let to = from + 1
      for (; to < units.length; to++) {
        const next = units[to]!
        if (!isPlausible(next) || next.physicalOffset < end || next.physicalOffset - end > JOIN_GAP_BYTES) break
        end = next.physicalOffset + next.sizeBytes
      }
      const buffer = Buffer.allocUnsafeSlow(end - physicalOffset)
      const length = await file.read(buffer, physicalOffset - segment.start)
      for (; from < to; from++) found.push(whole(buffer, length, physicalOffset, units[from]!))
    }
  })
  return found
}

function whole(buffer: Buffer, length: number, start: number, unit: SparseUnit): ReadRecord | undefined {
  const at = unit.physicalOffset - start
  const check = checkRecord(buffer, at, Math.min(length, at + unit.sizeBytes))
  if (
    check.kind !== 'record' ||
    check.size !== unit.sizeBytes ||
    check.queueOffset !== unit.queueOffset ||
    check.physicalOffset !== unit.physicalOffset
  )
    return undefined
  return { buffer, at, check }
}
