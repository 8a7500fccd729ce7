import { Buffer } from 'node:buffer'
import { MalformedError } from './errors.ts'

/** How a header is written; the high byte of the header word (SerializeType.java). */
export type SerializeType = 'JSON' | 'ROCKETMQ'

/** Length and header word. */
export const FRAME_PREFIX_BYTES = 8

/** Largest frame, its length field included (`com.rocketmq.remoting.frameMaxLength`). */
export const DEFAULT_MAX_FRAME_BYTES = 16 * 1024 * 1024

/**
 * One frame where it lies in memory:
 * ```
 * length(4) type(1) headerLength(3) header body
 *                                  ^       ^   ^
 *                        headerStart headerEnd end
 * ```
 * The buffer may hold other frames too. It is never written again, so views of it stay good for as long as they are held.
 */
export interface Frame {
  readonly buffer: Buffer
  readonly serializeType: SerializeType
  readonly headerStart: number
  readonly headerEnd: number
  readonly end: number
}

/** All bytes of a frame, the length field included. */
export function frameBytes(frame: Frame): number {
  return frame.end - frame.headerStart + FRAME_PREFIX_BYTES
}

/** A view of the body; undefined when it is empty, which is how RocketMQ tells "no body". */
export function frameBody(frame: Frame): Buffer | undefined {
  return frame.end === frame.headerEnd ? undefined : frame.buffer.subarray(frame.headerEnd, frame.end)
}

/** A frame in pieces grows from here, not to what its length field claims: a liar costs what it sends. */
const FIRST_PIECE_BYTES = 4096

/**
 * Cuts a stream of bytes into frames. A frame that lies in one chunk is not copied; one that comes in pieces is gathered
 * in a buffer that doubles, so the work stays linear in the bytes however small the pieces are.
 *
 * `push` a chunk, then call `next` until it returns undefined. One may stop in between and go on later, but must not push
 * before all frames are out. Both throw MalformedError when the stream cannot be frames; it is of no use from then on.
 */
export class FrameDecoder {
  readonly #maxFrameBytes: number
  /** What was pushed and is not taken yet. */
  #chunk: Buffer = EMPTY
  #at = 0
  /** The beginning of a frame whose rest has not come. */
  #partial: Buffer = EMPTY
  #partialBytes = 0

  constructor(maxFrameBytes: number = DEFAULT_MAX_FRAME_BYTES) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes held that are not part of a frame handed out. */
  get pendingBytes(): number {
    return this.#partialBytes + this.#chunk.length - this.#at
  }

  /** The chunk belongs to the decoder and to the frames it will be cut into: it must not change any more. */
  push(chunk: Buffer): void {
    if (this.#at < this.#chunk.length) {
      // The caller stopped amid a chunk and pushes on: join what is left, so that order is kept.
      chunk = Buffer.concat([this.#chunk.subarray(this.#at), chunk])
    }
    this.#chunk = chunk
    this.#at = 0
  }

  /** The next whole frame; undefined when more bytes are needed. */
  next(): Frame | undefined {
    if (this.#partialBytes > 0) return this.#finishPartial()
    const chunk = this.#chunk
    const at = this.#at
    const available = chunk.length - at
    if (available >= 4) {
      const size = this.#frameSize(chunk, at)
      if (available >= size) {
        this.#at = at + size
        if (this.#at === chunk.length) this.#release()
        return this.#frame(chunk, at, size)
      }
      // A wrong header word is told before its frame is gathered.
      if (available >= FRAME_PREFIX_BYTES) checkHeaderWord(chunk, at, size)
    }
    if (available > 0) {
      this.#gather(available, Number.POSITIVE_INFINITY)
      this.#release()
    }
    return undefined
  }

  #finishPartial(): Frame | undefined {
    if (this.#partialBytes < 4 && !this.#fill(4)) return undefined
    const size = this.#frameSize(this.#partial, 0)
    if (this.#partialBytes < FRAME_PREFIX_BYTES && !this.#fill(FRAME_PREFIX_BYTES)) return undefined
    checkHeaderWord(this.#partial, 0, size)
    if (!this.#fill(size)) return undefined
    const buffer = this.#partial
    this.#partial = EMPTY
    this.#partialBytes = 0
    return this.#frame(buffer, 0, size)
  }

  /** Brings the partial frame to `size` bytes from the chunk; false when the chunk has not that many. */
  #fill(size: number): boolean {
    const take = Math.min(size - this.#partialBytes, this.#chunk.length - this.#at)
    this.#gather(take, size)
    if (this.#at === this.#chunk.length) this.#release()
    return this.#partialBytes === size
  }

  /** Moves `take` bytes of the chunk to the partial frame, which will not need more than `limit` in all. */
  #gather(take: number, limit: number): void {
    const needed = this.#partialBytes + take
    if (needed > this.#partial.length) {
      const capacity = Math.max(needed, Math.min(Math.max(this.#partial.length * 2, FIRST_PIECE_BYTES), limit))
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.#partial.copy(grown, 0, 0, this.#partialBytes)
      this.#partial = grown
    }
    this.#chunk.copy(this.#partial, this.#partialBytes, this.#at, this.#at + take)
    this.#partialBytes = needed
    this.#at += take
  }

  /** Lets the chunk go: an idle connection must not hold memory. */
  #release(): void {
    this.#chunk = EMPTY
    this.#at = 0
  }

  #frameSize(buffer: Buffer, at: number): number {
    const length = buffer.readInt32BE(at)
    if (length >= 4 && length <= this.#maxFrameBytes - 4) return length + 4
    throw new MalformedError(`frame length ${length} is not from 4 to ${this.#maxFrameBytes - 4}`)
  }

  #frame(buffer: Buffer, at: number, size: number): Frame {
    if (size < FRAME_PREFIX_BYTES)
      throw new MalformedError(`frame length ${size - 4} leaves no room for the header word`)
    const headerLength = checkHeaderWord(buffer, at, size)
    const headerStart = at + FRAME_PREFIX_BYTES
    return {
      buffer,
      serializeType: buffer[at + 4] === 0 ? 'JSON' : 'ROCKETMQ',
      headerStart,
      headerEnd: headerStart + headerLength,
      end: at + size,
    }
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

function checkHeaderWord(buffer: Buffer, at: number, size: number): number {
  const word = buffer.readInt32BE(at + 4)
  const type = word >>> 24
  const headerLength = word & 0xffffff
  if (type > 1) throw new MalformedError(`serialize type ${type} is neither 0 (JSON) nor 1 (ROCKETMQ)`)
  if (headerLength > size - FRAME_PREFIX_BYTES)
    throw new MalformedError(
      `header length ${headerLength} exceeds the ${size - FRAME_PREFIX_BYTES} bytes of its frame`,
    )
  return headerLength
}

/** Writes the eight bytes in front of a header of `headerLength` and a body of `bodyLength` bytes. */
export function writeFramePrefix(
  into: Buffer,
  at: number,
  serializeType: SerializeType,
  headerLength: number,
  bodyLength: number,
): void {
  into.writeInt32BE(4 + headerLength + bodyLength, at)
  into.writeInt32BE((serializeType === 'JSON' ? 0 : 1 << 24) | headerLength, at + 4)
}
