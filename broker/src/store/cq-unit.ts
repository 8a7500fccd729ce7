/** A consume queue's entry (ConsumeQueue.java), big-endian: physicalOffset 8, size 4, tagsCode 8. */
import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'

export const CQ_UNIT_SIZE = 20

/** Size in the entries that fill a queue's first file up to where its first message stands: (0, this, 0). */
const BLANK_SIZE = 0x7fffffff

export function putUnit(
  bytes: Uint8Array,
  at: number,
  physicalOffset: number,
  sizeBytes: number,
  tagsCode: number,
): void {
  putLong(bytes, at, physicalOffset)
  putInt(bytes, at + 8, sizeBytes)
  putLong(bytes, at + 12, tagsCode)
}

export function unitOffset(bytes: Uint8Array, at: number): number {
  return getLong(bytes, at)
}

export function unitSize(bytes: Uint8Array, at: number): number {
  return getInt(bytes, at + 8)
}

/** Where the message ends in the log. */
export function unitEnd(bytes: Uint8Array, at: number): number {
  return getLong(bytes, at) + getInt(bytes, at + 8)
}

/** The recovery rule of ConsumeQueue.java#recover: anything else is where the queue ends. */
export function isUnit(bytes: Uint8Array, at: number): boolean {
  return getInt(bytes, at) >= 0 && getInt(bytes, at + 8) > 0
}

/** No message, only a place kept (ConsumeQueue.java#fillPreBlank). */
export function isBlank(bytes: Uint8Array, at: number): boolean {
  return getInt(bytes, at + 8) === BLANK_SIZE && getLong(bytes, at) === 0
}

/** Orders entries as they lie in a queue: blanks first, then rising physical offsets. */
export function unitRank(bytes: Uint8Array, at: number): number {
  return isBlank(bytes, at) ? -1 : getLong(bytes, at)
}

/** `count` blank entries. */
export function blankUnits(count: number): Buffer {
  const bytes = Buffer.alloc(count * CQ_UNIT_SIZE)
  for (let at = 0; at < bytes.length; at += CQ_UNIT_SIZE) putInt(bytes, at + 8, BLANK_SIZE)
  return bytes
}
