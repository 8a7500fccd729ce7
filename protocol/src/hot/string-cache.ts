import type { Buffer } from 'node:buffer'

const SLOTS = 4096
const MAX_BYTES = 255
const HASHED_BYTES = 8

/**
 * Strings by their bytes, so that the topic of each message is one and the same string and none is built per message.
 * A fixed number of slots, the newest wins: whatever is sent, it costs no more memory than that.
 */
const strings: string[] = new Array(SLOTS).fill('')

/** The text of ASCII bytes. The caller has made sure that none is above 127. */
export function cachedAscii(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  // Names that a cluster has many of differ at their ends; those that do not only share a slot.
  let hash = length
  for (let i = length > HASHED_BYTES ? end - HASHED_BYTES : start; i < end; i++)
    hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1)
  const known = strings[slot]!
  if (known.length === length) {
    let i = 0
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++
    if (i === length) return known
  }
  const text = (bytes as Buffer).toString('latin1', start, end)
  if (length <= MAX_BYTES) strings[slot] = text
  return text
}
