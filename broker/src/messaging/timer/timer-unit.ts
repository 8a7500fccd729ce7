import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'

/**
 * An entry of the timer log, big-endian (TimerLog.java):
 *
 *     size 4 (52)   prevPos 8   magic 4   enqueueMs 8   delayMs 4   physicalOffset 8   sizeBytes 4   topicHash 4   reserved 8
 *
 * The entries of one slot of the wheel are a list: each names the one before it, the first names -1.
 */
export const TIMER_UNIT_SIZE = 52

/** What a file's end is filled with when no entry fits any more: remaining bytes 4, 0 8, this 4. */
export const BLANK_MAGIC = -875_286_124
export const BLANK_SIZE = 16

/** Waits in its slot for delivery. */
export const MAGIC_DEFAULT = 1
/** Its time is further away than the wheel reaches: in its slot it is put back into the timer's topic. */
export const MAGIC_ROLL = 2
/** Takes another message of the same slot back. */
export const MAGIC_DELETE = 4

export interface TimerUnit {
  /** Position of the slot's entry before this one; -1 for its first. */
  readonly prevPos: number
  readonly magic: number
  /** When it was put into the wheel, rounded down to the wheel's precision. */
  readonly enqueueMs: number
  /** Its slot, counted from `enqueueMs`. */
  readonly delayMs: number
  /** The message in the commit log. */
  readonly physicalOffset: number
  readonly sizeBytes: number
  /** Java's hash of the topic it is for. */
  readonly topicHash: number
}

export function putTimerUnit(bytes: Uint8Array, at: number, unit: TimerUnit): void {
  putInt(bytes, at, TIMER_UNIT_SIZE)
  putLong(bytes, at + 4, unit.prevPos)
  putInt(bytes, at + 12, unit.magic)
  putLong(bytes, at + 16, unit.enqueueMs)
  putInt(bytes, at + 24, unit.delayMs)
  putLong(bytes, at + 28, unit.physicalOffset)
  putInt(bytes, at + 36, unit.sizeBytes)
  putInt(bytes, at + 40, unit.topicHash)
  putLong(bytes, at + 44, 0)
}

/** undefined when no entry can be there (TimerMessageStore.java#recoverAndRevise). */
export function getTimerUnit(bytes: Uint8Array, at: number): TimerUnit | undefined {
  if (at + TIMER_UNIT_SIZE > bytes.length || getInt(bytes, at) !== TIMER_UNIT_SIZE) return undefined
  const magic = getInt(bytes, at + 12)
  if ((magic | 0xf) !== 0xf || magic === 0) return undefined
  return {
    prevPos: getLong(bytes, at + 4),
    magic,
    enqueueMs: getLong(bytes, at + 16),
    delayMs: getInt(bytes, at + 24),
    physicalOffset: getLong(bytes, at + 28),
    sizeBytes: getInt(bytes, at + 36),
    topicHash: getInt(bytes, at + 40),
  }
}

export const isRolled = (unit: TimerUnit): boolean => (unit.magic & MAGIC_ROLL) !== 0

/** Takes another message back in this slot; one that rolls is only passed on. */
export const isRecall = (unit: TimerUnit): boolean => (unit.magic & (MAGIC_DELETE | MAGIC_ROLL)) === MAGIC_DELETE

/** What an entry adds to the number of messages that a slot says it has: a recall stands for one message less. */
export const countOf = (magic: number): number => ((magic & MAGIC_DELETE) === 0 ? 1 : -1)
