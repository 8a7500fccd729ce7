// LZ4 in its frame format (lz4_Frame_format.md, lz4_Block_format.md), which is what net.jpountz.lz4's frame streams
// write and read. Our own and not a native module: a peer decides how far these bytes unpack, so the limit has to hold
// while unpacking, and what ships is one bundle without native parts.
import { MalformedError } from '../errors.ts'
import { xxHash32 } from './xxhash32.ts'

const FRAME_MAGIC = 0x184d2204
const SKIPPABLE_MAGIC = 0x184d2a50

const VERSION = 0x40
const BLOCK_INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const CONTENT_CHECKSUM = 0x04
const RESERVED = 0x02
const DICTIONARY = 0x01
const UNCOMPRESSED = 0x80000000

/** Largest block by the code in the frame's BD byte. */
const BLOCK_SIZES: Readonly<Record<number, number>> = { 4: 65536, 5: 262144, 6: 1048576, 7: 4194304 }

/** A match is at least four bytes; a block ends with at least five literals, and no match starts in its last twelve. */
const MIN_MATCH = 4
const LAST_LITERALS = 5
const MATCH_LIMIT = 12
const MAX_DISTANCE = 65535
const HASH_BITS = 14

const word = (bytes: Uint8Array, at: number) =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** The rest of a length that did not fit into its four bits of the token. */
function putLength(into: Uint8Array, at: number, rest: number): number {
  for (; rest >= 255; rest -= 255) into[at++] = 255
  into[at++] = rest
  return at
}

/** Compresses one block at `at` of `into`; returns the bytes written, or -1 when they would be no fewer than the input. */
function compressBlock(
  from: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
  table: Int32Array,
): number {
  table.fill(-1)
  const outLimit = at + (end - start)
  const outStart = at
  const lastMatchStart = end - MATCH_LIMIT
  const lastMatchEnd = end - LAST_LITERALS
  let anchor = start
  let position = start
  while (position <= lastMatchStart) {
    const here = word(from, position)
    const slot = Math.imul(here, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = table[slot]!
    table[slot] = position
    if (candidate < 0 || position - candidate > MAX_DISTANCE || word(from, candidate) !== here) {
      // The longer nothing was found, the larger the steps: what cannot be compressed is passed over quickly.
      position += 1 + ((position - anchor) >> 6)
      continue
    }
    let length = MIN_MATCH
    while (position + length < lastMatchEnd && from[candidate + length] === from[position + length]) length++
    const literals = position - anchor
    const rest = length - MIN_MATCH
    if (at + 1 + literals + Math.floor(literals / 255) + 1 + 2 + Math.floor(rest / 255) + 1 > outLimit) return -1
    into[at++] = (Math.min(literals, 15) << 4) | Math.min(rest, 15)
    if (literals >= 15) at = putLength(into, at, literals - 15)
    for (; anchor < position; anchor++) into[at++] = from[anchor]!
    const distance = position - candidate
    into[at++] = distance
    into[at++] = distance >>> 8
    if (rest >= 15) at = putLength(into, at, rest - 15)
    position += length
    anchor = position
  }
  const literals = end - anchor
  if (at + 1 + literals + Math.floor(literals / 255) + 1 > outLimit) return -1
  into[at++] = Math.min(literals, 15) << 4
  if (literals >= 15) at = putLength(into, at, literals - 15)
  for (; anchor < end; anchor++) into[at++] = from[anchor]!
  return at - outStart
}

/**
 * One frame of independent blocks (lz4-java reads no others), with the same flags as lz4-java's: a record's CRC covers the
 * body, so the frame has no checksum of its own.
 */
export function compressLz4Frame(body: Uint8Array): Buffer {
  const code = body.length <= 65536 ? 4 : body.length <= 262144 ? 5 : body.length <= 1048576 ? 6 : 7
  const blockSize = BLOCK_SIZES[code]!
  const blocks = Math.ceil(body.length / blockSize)
  const into = Buffer.allocUnsafe(7 + body.length + 4 * blocks + 4)
  putWord(into, 0, FRAME_MAGIC)
  into[4] = VERSION | BLOCK_INDEPENDENT
  into[5] = code << 4
  into[6] = xxHash32(into, 4, 6) >>> 8
  let at = 7
  const table = new Int32Array(1 << HASH_BITS)
  for (let start = 0; start < body.length; start += blockSize) {
    const end = Math.min(start + blockSize, body.length)
    const written = compressBlock(body, start, end, into, at + 4, table)
    if (written > 0) {
      putWord(into, at, written)
      at += 4 + written
    } else {
      putWord(into, at, (end - start) | UNCOMPRESSED)
      into.set(body.subarray(start, end), at + 4)
      at += 4 + end - start
    }
  }
  putWord(into, at, 0)
  return into.subarray(0, at + 4)
}

const truncated = () => new MalformedError('LZ4: the frame ends in its middle')

/** Unpacks one block behind `at` of `into`; returns where its content ends. `floor` is the least position a match may copy from. */
function decompressBlock(
  from: Uint8Array,
  position: number,
  end: number,
  into: Uint8Array,
  at: number,
  limit: number,
  floor: number,
): number {
  for (;;) {
    if (position >= end) throw truncated()
    const token = from[position++]!
    let literals = token >>> 4
    if (literals === 15) {
      let more: number
      do {
        if (position >= end) throw truncated()
        more = from[position++]!
        literals += more
      } while (more === 255)
    }
    if (literals > end - position) throw truncated()
    if (literals > limit - at) throw new TooLong()
    if (literals > 32) {
      into.set(from.subarray(position, position + literals), at)
      at += literals
      position += literals
    } else for (let i = 0; i < literals; i++) into[at++] = from[position++]!
    if (position === end) return at
    if (end - position < 2) throw truncated()
    const distance = from[position]! | (from[position + 1]! << 8)
    position += 2
    if (distance === 0 || at - distance < floor)
      throw new MalformedError(`LZ4: a match ${distance} bytes back begins before the content`)
    let length = (token & 15) + MIN_MATCH
    if (length === 15 + MIN_MATCH) {
      let more: number
      do {
        if (position >= end) throw truncated()
        more = from[position++]!
        length += more
      } while (more === 255)
    }
    if (length > limit - at) throw new TooLong()
    if (distance >= length) {
      into.copyWithin(at, at - distance, at - distance + length)
      at += length
    } else for (let source = at - distance; length > 0; length--) into[at++] = into[source++]!
  }
}

/** The content does not fit: into the block's size, or into what the caller allows. */
class TooLong extends Error {}

/**
 * The content of all frames in `body`, checksums verified. Throws MalformedError, also when it would be longer than `maxBytes`;
 * memory taken stays within `maxBytes` and 255 times the input.
 */
export function decompressLz4Frame(body: Uint8Array, maxBytes: number): Buffer {
  let out: Buffer = Buffer.alloc(0)
  let length = 0
  const tooLong = () => new MalformedError(`LZ4: the content is longer than the ${maxBytes} bytes allowed`)
  const reserve = (bytes: number) => {
    if (length + bytes <= out.length) return
    const larger = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(length + bytes, out.length * 2)))
    out.copy(larger, 0, 0, length)
    out = larger
  }

  let at = 0
  const need = (bytes: number) => {
    if (body.length - at < bytes) throw truncated()
  }
  if (body.length === 0) throw truncated()
  while (at < body.length) {
    need(4)
    const magic = word(body, at) >>> 0
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      need(8)
      const skipped = word(body, at + 4) >>> 0
      at += 8
      need(skipped)
      at += skipped
      continue
    }
    if (magic !== FRAME_MAGIC) throw new MalformedError(`LZ4: magic 0x${magic.toString(16)} is not 0x184d2204`)
    need(7)
    const descriptorAt = at + 4
    const flags = body[descriptorAt]!
    const blockSize = BLOCK_SIZES[(body[descriptorAt + 1]! >> 4) & 7]
    if ((flags & 0xc0) !== VERSION || (flags & RESERVED) !== 0 || blockSize === undefined)
      throw new MalformedError(`LZ4: frame descriptor 0x${flags.toString(16)} is not of version 1`)
    if ((flags & DICTIONARY) !== 0) throw new MalformedError('LZ4: the frame needs a dictionary, and there is none')
    at += 6
    let contentSize: number | undefined
    if ((flags & CONTENT_SIZE) !== 0) {
      need(9)
      contentSize = (word(body, at) >>> 0) + (word(body, at + 4) >>> 0) * 4294967296
      if (contentSize > maxBytes - length) throw tooLong()
      at += 8
    }
    if (((xxHash32(body, descriptorAt, at) >>> 8) & 0xff) !== body[at])
      throw new MalformedError('LZ4: the header checksum is wrong')
    at++
    const frameStart = length
    for (;;) {
      need(4)
      const mark = word(body, at) >>> 0
      at += 4
      if (mark === 0) break
      const size = mark & 0x7fffffff
      const checksum = (flags & BLOCK_CHECKSUM) === 0 ? 0 : 4
      if (size > blockSize) throw new MalformedError(`LZ4: a block of ${size} bytes exceeds the frame's ${blockSize}`)
      need(size + checksum)
      if (checksum > 0 && xxHash32(body, at, at + size) !== word(body, at + size) >>> 0)
        throw new MalformedError('LZ4: a block checksum is wrong')
      if ((mark & UNCOMPRESSED) !== 0) {
        if (size > maxBytes - length) throw tooLong()
        reserve(size)
        out.set(body.subarray(at, at + size), length)
        length += size
      } else {
        // A byte of a block stands for 255 of content at most.
        const allowed = Math.min(blockSize, maxBytes - length)
        reserve(Math.min(allowed, size * 255))
        const floor = (flags & BLOCK_INDEPENDENT) === 0 ? frameStart : length
        try {
          length = decompressBlock(
            body,
            at,
            at + size,
            out,
            length,
            length + Math.min(allowed, out.length - length),
            floor,
          )
        } catch (error) {
          if (!(error instanceof TooLong)) throw error
          if (allowed < blockSize) throw tooLong()
          throw new MalformedError(`LZ4: a block's content exceeds the frame's block size ${blockSize}`)
        }
      }
      at += size + checksum
    }
    if ((flags & CONTENT_CHECKSUM) !== 0) {
      need(4)
      if (xxHash32(out, frameStart, length) !== word(body, at) >>> 0)
        throw new MalformedError('LZ4: the content checksum is wrong')
      at += 4
    }
    if (contentSize !== undefined && contentSize !== length - frameStart)
      throw new MalformedError(`LZ4: the content is ${length - frameStart} bytes long and claims ${contentSize}`)
  }
  // A small body must not keep a large buffer alive.
  return out.length > 2 * length ? Buffer.from(out.subarray(0, length)) : out.subarray(0, length)
}
