/** Bodies up to this size are gathered; what a pull of 32 small messages brings fits well. */
const BUFFER_BYTES = 64 * 1024
/** All that is kept when no answer is under way. */
const MAX_FREE = 32
/** A piece that is worth an entry of its own in the system call that writes it. */
const WORTHY_PIECE_BYTES = 8 * 1024

/**
 * Memory for bodies of many small pieces. Messages of one queue lie apart in the log, so an answer is dozens of slices of
 * it; gathered in one buffer they cost one entry of one write, and the store has its memory back at once. The buffers
 * are used again: one allocated per answer would keep the garbage collector busy.
 */
export class BodyBuffers {
  readonly #free: Buffer[] = []

  /** All pieces in one buffer, of which the first `length` bytes count; undefined when they had better be sent as they are. */
  gather(pieces: readonly Uint8Array[], length: number): Buffer | undefined {
    if (pieces.length < 2 || length > BUFFER_BYTES || length >= pieces.length * WORTHY_PIECE_BYTES) return undefined
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
    let at = 0
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i]!
      buffer.set(piece, at)
      at += piece.length
    }
    return buffer
  }

  /** Takes back what `gather` gave, when nobody reads it any more. */
  free(buffer: Buffer): void {
    if (this.#free.length < MAX_FREE) this.#free.push(buffer)
  }
}
