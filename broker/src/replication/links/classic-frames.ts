import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'

/**
 * What goes over a classic link (DefaultHAConnection.java, DefaultHAClient.java):
 *
 *     slave to master: 8 bytes, the physical offset up to which it has the log; the first one says where to begin
 *     master to slave: physical offset 8, size 4, then so many bytes of the log; a size of 0 is a beat
 */
export const REPORT_BYTES = 8
export const HEADER_BYTES = 12
/** No master sends more in one frame: Apache's sends haTransferBatchSize, 32 KiB unless changed, ours 256 KiB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** The peer does not speak this protocol. The message names what came. */
export class LinkProtocolError extends Error {
  override readonly name = 'LinkProtocolError'
}

export function encodeReport(physicalOffset: number): Buffer {
  const report = Buffer.allocUnsafe(REPORT_BYTES)
  putLong(report, 0, physicalOffset)
  return report
}

export function encodeHeader(physicalOffset: number, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  putLong(header, 0, physicalOffset)
  putInt(header, 8, bodyBytes)
  return header
}

/** Puts a slave's reports together from what the network brings. */
export class ReportReader {
  #rest = Buffer.alloc(0)

  /** The newest whole report in it: older ones mean nothing any more. Throws LinkProtocolError for what no offset can be. */
  feed(chunk: Buffer): number | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const whole = bytes.length - (bytes.length % REPORT_BYTES)
    this.#rest = Buffer.from(bytes.subarray(whole))
    if (whole === 0) return undefined
    const physicalOffset = getLong(bytes, whole - REPORT_BYTES)
    if (!Number.isSafeInteger(physicalOffset) || physicalOffset < 0)
      throw new LinkProtocolError(`a report of offset ${physicalOffset}; allowed are offsets from 0`)
    return physicalOffset
  }
}

/** Takes a master's frames apart. Bodies are handed on as they come: nobody waits for the end of one. */
export class FrameReader {
  readonly #head = Buffer.alloc(HEADER_BYTES)
  #headBytes = 0
  #bodyLeft = 0

  /** `onFrame` is told where each frame begins in the log, `onBody` its bytes. Throws LinkProtocolError, and what they throw. */
  feed(
    chunk: Buffer,
    onFrame: (physicalOffset: number, bodyBytes: number) => void,
    onBody: (bytes: Buffer) => void,
  ): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#bodyLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bodyLeft)
        this.#bodyLeft -= end - at
        onBody(chunk.subarray(at, end))
        at = end
        continue
      }
      const copied = chunk.copy(this.#head, this.#headBytes, at, at + HEADER_BYTES - this.#headBytes)
      this.#headBytes += copied
      at += copied
      if (this.#headBytes < HEADER_BYTES) return
      this.#headBytes = 0
      const physicalOffset = getLong(this.#head, 0)
      const bodyBytes = getInt(this.#head, 8)
      if (!Number.isSafeInteger(physicalOffset) || physicalOffset < 0 || bodyBytes < 0 || bodyBytes > MAX_BODY_BYTES)
        throw new LinkProtocolError(
          `a frame of ${bodyBytes} bytes at offset ${physicalOffset}; allowed are 0 to ${MAX_BODY_BYTES} bytes from offset 0 on`,
        )
      this.#bodyLeft = bodyBytes
      onFrame(physicalOffset, bodyBytes)
    }
  }
}
