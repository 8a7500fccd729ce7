/**
 * An entry of a sparse consume queue (BatchConsumeQueue.java), big-endian: physicalOffset 8, size 4, tagsCode 8,
 * storeTimestamp 8, queueOffset 8, batchSize 2 (always 1), compactedOffset 4 (always -1), reserved 4.
 * `physicalOffset` counts in the queue's own compaction log.
 */
import { getInt, getLong, getShort, putInt, putLong, putShort } from '@rocketcluster/protocol/internal'

export const SPARSE_UNIT_SIZE = 46

export interface SparseUnit {
  readonly physicalOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
  readonly storeTimestamp: number
  readonly queueOffset: number
}

export function putSparseUnit(bytes: Uint8Array, at: number, unit: SparseUnit): void {
  putLong(bytes, at, unit.physicalOffset)
  putInt(bytes, at + 8, unit.sizeBytes)
  putLong(bytes, at + 12, unit.tagsCode)
  putLong(bytes, at + 20, unit.storeTimestamp)
  putLong(bytes, at + 28, unit.queueOffset)
  putShort(bytes, at + 36, 1)
  putInt(bytes, at + 38, -1)
  putInt(bytes, at + 42, 0)
}

/** Closes a queue file that has room left (SparseConsumeQueue.java#putEndPositionInfo). */
export function putEndUnit(bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + SPARSE_UNIT_SIZE)
  putLong(bytes, at, -1)
  putInt(bytes, at + 38, -1)
}

export function getSparseUnit(bytes: Uint8Array, at: number): SparseUnit {
  return {
    physicalOffset: getLong(bytes, at),
    sizeBytes: getInt(bytes, at + 8),
    tagsCode: getLong(bytes, at + 12),
    storeTimestamp: getLong(bytes, at + 20),
    queueOffset: getLong(bytes, at + 28),
  }
}

export function sparseQueueOffset(bytes: Uint8Array, at: number): number {
  return getLong(bytes, at + 28)
}

/** The rule of SparseConsumeQueue.java#recover: anything else is where the file's entries end. */
export function isSparseUnit(bytes: Uint8Array, at: number): boolean {
  return (
    getInt(bytes, at) >= 0 && getInt(bytes, at + 8) > 0 && getInt(bytes, at + 28) >= 0 && getShort(bytes, at + 36) > 0
  )
}
