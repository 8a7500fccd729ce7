import { Buffer } from 'node:buffer'
import type { Clock } from '@rocketcluster/world'

const SLAB_BYTES = 64 * 1024
/** A bigger piece is handed to the network as it is; copying it would cost more than its own entry in the write. */
const COPY_LIMIT_BYTES = 2 * 1024

/** Where an outbox sends what was collected. */
export interface OutboxTarget {
  flush(): void
}

/**
 * What all connections of one server or client share for writing: a slab that small answers are encoded into, and the one
 * callback at the end of the turn which sends everything. A slab is never reused, because the network may still hold it;
 * the garbage collector takes it when the last write of it is done.
 */
export class OutboxPool {
  slab: Buffer = Buffer.alloc(0)
  position = 0
  readonly #clock: Clock
  #dirty: OutboxTarget[] = []
  #flushing: OutboxTarget[] = []
  readonly #run = () => this.#flushAll()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes room for `size` bytes behind `position`. */
  ensure(size: number): void {
    if (this.slab.length - this.position >= size) return
    this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size))
    this.position = 0
  }

  /** `target.flush` is called once, at the end of this turn. */
  schedule(target: OutboxTarget): void {
    if (this.#dirty.push(target) === 1) this.#clock.setImmediate(this.#run)
  }

  #flushAll(): void {
    const targets = this.#dirty
    this.#dirty = this.#flushing
    this.#flushing = targets
    for (let i = 0; i < targets.length; i++) targets[i]!.flush()
    targets.length = 0
  }
}

/**
 * Collects what one connection has to send in this turn. Neighbouring pieces in the slab become one buffer, so that 64 small
 * answers are one entry of one write.
 */
export class Outbox {
  readonly #pool: OutboxPool
  #buffers: Uint8Array[] = []
  #open: Buffer | undefined
  #start = 0
  #end = 0
  #bytes = 0

  constructor(pool: OutboxPool) {
    this.#pool = pool
  }

  /** Bytes that wait for the end of the turn. */
  get bytes(): number {
    return this.#bytes
  }

  /** What is reserved lies here. */
  get slab(): Buffer {
    return this.#pool.slab
  }

  /**
   * Room for `size` bytes; write them to `slab` from the returned position, then `commit` what was used. Nothing else
   * may write in between.
   */
  reserve(size: number): number {
    this.#pool.ensure(size)
    return this.#pool.position
  }

  commit(size: number): void {
    const { slab, position } = this.#pool
    if (this.#open !== slab || this.#end !== position) {
      this.#closeRun()
      this.#open = slab
      this.#start = position
    }
    this.#end = this.#pool.position = position + size
    this.#bytes += size
  }

  /** Adds a piece. Small ones are copied, so their memory may be reused; big ones must stay unchanged until sent. */
  add(piece: Uint8Array): void {
    const size = piece.length
    if (size === 0) return
    if (size <= COPY_LIMIT_BYTES) {
      this.#pool.ensure(size)
      this.#pool.slab.set(piece, this.#pool.position)
      this.commit(size)
      return
    }
    this.#closeRun()
    this.#buffers.push(piece)
    this.#bytes += size
  }

  /** Hands out everything in order and starts anew. */
  take(): Uint8Array[] {
    this.#closeRun()
    const buffers = this.#buffers
    this.#buffers = []
    this.#bytes = 0
    return buffers
  }

  #closeRun(): void {
    if (this.#open === undefined) return
    this.#buffers.push(this.#open.subarray(this.#start, this.#end))
    this.#open = undefined
  }
}
