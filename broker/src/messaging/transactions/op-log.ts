import type { DecodedMessage } from '@rocketcluster/protocol'
import { decidedIn, opEntry } from './half-message.ts'

/** An op message that is needed as long as one of the half messages it names is not behind `base`. */
interface Op {
  readonly queueOffset: number
  readonly lastHalfOffset: number
}

export interface OpLogOptions {
  /** transactionOpMsgMaxSize: bytes from which on an op message is written at once. */
  readonly maxBytes: () => number
  /** Writes one op message. Throws when the store takes none. */
  readonly write: (body: string) => WrittenOp
}

export interface WrittenOp {
  readonly queueOffset: number
  /** Rejects when the disk refused it: the next message gets its place then. */
  readonly committed: Promise<unknown>
}

/**
 * What has been decided and is not yet in the op queue, and how much of the op queue is still needed. Several half
 * messages share an op message (TransactionalOpBatchService.java): the timer that calls `flush` is its owner's.
 */
export class OpLog {
  readonly #options: OpLogOptions
  #decided: number[] = []
  #bytes = 0
  readonly #ops: Op[] = []
  #end = 0

  constructor(options: OpLogOptions) {
    this.#options = options
  }

  /** Begins with an op queue that is read from `queueOffset` on. */
  reset(queueOffset: number): void {
    this.#decided = []
    this.#bytes = 0
    this.#ops.length = 0
    this.#end = queueOffset
  }

  /** Whether there is something to `flush`. */
  get waiting(): boolean {
    return this.#decided.length > 0
  }

  /** Takes over an op message found in the queue; returns what it decides. */
  found(message: DecodedMessage): number[] {
    const decided = decidedIn(message)
    this.#note(message.queueOffset, decided)
    return decided
  }

  /** Where the op queue ends that was read. */
  readTo(queueOffset: number): void {
    this.#end = Math.max(this.#end, queueOffset)
  }

  /** Notes that a half message is decided; it is in the op queue after the next `flush`, or now when there are many. */
  add(halfOffset: number): void {
    this.#decided.push(halfOffset)
    this.#bytes += opEntry(halfOffset).length
    if (this.#bytes < this.#options.maxBytes()) return
    try {
      this.flush()
    } catch {
      // The store takes nothing now; the timer tries again.
    }
  }

  /** Throws what `write` throws; what is not written stays noted then. */
  flush(): void {
    const maxBytes = this.#options.maxBytes()
    while (this.#decided.length > 0) {
      let body = ''
      let count = 0
      // The last entry may cross the limit, as in Apache.
      while (count < this.#decided.length && body.length < maxBytes) body += opEntry(this.#decided[count++]!)
      const { queueOffset, committed } = this.#options.write(body)
      const written = this.#decided.splice(0, count)
      this.#bytes -= body.length
      const op = this.#note(queueOffset, written)
      committed.catch(() => this.#takeBack(op, written))
    }
  }

  /** They are part of the next op message. */
  #takeBack(op: Op, halfOffsets: readonly number[]): void {
    const at = this.#ops.indexOf(op)
    if (at >= 0) this.#ops.splice(at, 1)
    this.#end = Math.min(this.#end, op.queueOffset)
    for (const halfOffset of halfOffsets) {
      this.#decided.push(halfOffset)
      this.#bytes += opEntry(halfOffset).length
    }
  }

  #note(queueOffset: number, halfOffsets: readonly number[]): Op {
    const op = { queueOffset, lastHalfOffset: halfOffsets.reduce((most, one) => Math.max(most, one), -1) }
    this.#ops.push(op)
    this.#end = Math.max(this.#end, queueOffset + 1)
    return op
  }

  /** The first op message that says something of half messages from `base` on; one behind the last when none does. */
  neededFrom(base: number): number {
    let done = 0
    while (done < this.#ops.length && this.#ops[done]!.lastHalfOffset < base) done++
    this.#ops.splice(0, done)
    return this.#ops[0]?.queueOffset ?? this.#end
  }
}
