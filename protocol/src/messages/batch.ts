import { MalformedError } from '../errors.ts'
import { getInt, getShort, putInt, putShort } from './bytes.ts'
import { MAX_PROPERTIES_LENGTH } from './properties.ts'

/** One message inside the body of a batch (MessageDecoder.java#encodeMessage). */
export interface BatchItem {
  /** The producer's own flag. */
  readonly flag: number
  readonly body: Uint8Array
  /** Encoded, see properties.ts. */
  readonly properties: Uint8Array
}

/** totalSize 4, magic 4 (0), bodyCRC 4 (0), flag 4, bodyLength 4, propertiesLength 2. */
const FIXED_SIZE = 22

/** Joins messages of one topic into the body of a batch. Throws RangeError when properties exceed their 32767 bytes. */
export function encodeBatch(items: readonly BatchItem[]): Buffer {
  const total = items.reduce((sum, { body, properties }) => sum + FIXED_SIZE + body.length + properties.length, 0)
  const into = Buffer.allocUnsafe(total)
  let at = 0
  for (const { flag, body, properties } of items) {
    if (properties.length > MAX_PROPERTIES_LENGTH)
      throw new RangeError(`properties of ${properties.length} bytes exceed ${MAX_PROPERTIES_LENGTH}`)
    putInt(into, at, FIXED_SIZE + body.length + properties.length)
    putInt(into, at + 4, 0)
    putInt(into, at + 8, 0)
    putInt(into, at + 12, flag)
    putInt(into, at + 16, body.length)
    into.set(body, at + 20)
    at += 20 + body.length
    putShort(into, at, properties.length)
    into.set(properties, at + 2)
    at += 2 + properties.length
  }
  return into
}

/**
 * Calls `visit` for each message of a batch without making objects; positions are absolute in `bytes`. Returns their number.
 * Everything is checked before the first call: either all messages are visited or none.
 * Throws MalformedError naming the message, its place and what does not agree.
 */
export function eachBatchItem(
  bytes: Buffer,
  visit: (flag: number, bodyAt: number, bodyLength: number, propertiesAt: number, propertiesLength: number) => void,
): number {
  const count = countBatchItems(bytes)
  for (let at = 0; at < bytes.length; at += getInt(bytes, at)) {
    const bodyLength = getInt(bytes, at + 16)
    const propertiesAt = at + FIXED_SIZE + bodyLength
    visit(getInt(bytes, at + 12), at + 20, bodyLength, propertiesAt, getShort(bytes, propertiesAt - 2))
  }
  return count
}

/** Checks the whole body of a batch and returns how many messages it holds. Throws MalformedError. */
export function countBatchItems(bytes: Buffer): number {
  let count = 0
  let at = 0
  const bad = (why: string) => new MalformedError(`batch message ${count} at byte ${at} of ${bytes.length}: ${why}`)
  while (at < bytes.length) {
    const left = bytes.length - at
    if (left < FIXED_SIZE) throw bad(`${left} bytes are left, and a message takes at least ${FIXED_SIZE}`)
    const total = getInt(bytes, at)
    if (total < FIXED_SIZE || total > left)
      throw bad(`totalSize ${total} is not from ${FIXED_SIZE} to the ${left} left`)
    const bodyLength = getInt(bytes, at + 16)
    if (bodyLength < 0 || bodyLength > total - FIXED_SIZE)
      throw bad(`body length ${bodyLength} is not from 0 to ${total - FIXED_SIZE}`)
    const propertiesLength = getShort(bytes, at + 20 + bodyLength)
    if (propertiesLength !== total - FIXED_SIZE - bodyLength)
      throw bad(
        `properties length ${propertiesLength} is not the ${total - FIXED_SIZE - bodyLength} that totalSize leaves`,
      )
    at += total
    count++
  }
  return count
}

/** The messages of a batch as views into `bytes`. Throws MalformedError. */
export function decodeBatch(bytes: Buffer): { flag: number; body: Buffer; properties: Buffer }[] {
  const items: { flag: number; body: Buffer; properties: Buffer }[] = []
  eachBatchItem(bytes, (flag, bodyAt, bodyLength, propertiesAt, propertiesLength) => {
    items.push({
      flag,
      body: bytes.subarray(bodyAt, bodyAt + bodyLength),
      properties: bytes.subarray(propertiesAt, propertiesAt + propertiesLength),
    })
  })
  return items
}
