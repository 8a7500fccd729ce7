import type { EpochHistory } from '../epoch/epoch-history.ts'
import type { ReplicatedLog } from '../replicated-log.ts'
import { LinkProtocolError } from './classic-frames.ts'
import { encodeMasterHandshake, encodeTransferHeader, type SlaveHandshake, SlaveReader } from './epoch-frames.ts'
import type { SlaveDialect, SlaveIdentity } from './slave-dialect.ts'

/** A slave of ours answers each beat at once, so its silence is noticed within two seconds. */
const OUR_RHYTHM = { heartbeatIntervalMs: 300, silenceMs: 10_000 }

export interface EpochDialectOptions {
  readonly log: ReplicatedLog
  readonly history: EpochHistory
  /** Why this slave is refused, as the rest of a sentence, or undefined when it is welcome. */
  readonly refusal: (handshake: SlaveHandshake) => string | undefined
  /** Everything before it is with every member that has to have it. */
  readonly confirmOffset: () => number
}

/** Under a controller (AutoSwitchHAConnection.java): a handshake first, and frames that say which epoch they are of. */
export class EpochDialect implements SlaveDialect {
  readonly #options: EpochDialectOptions
  readonly #reader = new SlaveReader()
  identity: SlaveIdentity | undefined
  rhythm: typeof OUR_RHYTHM | undefined

  constructor(options: EpochDialectOptions) {
    this.#options = options
  }

  feed(chunk: Buffer, reply: (bytes: Uint8Array) => void): number | undefined {
    return this.#reader.feed(chunk, handshake => {
      const why = this.#options.refusal(handshake)
      if (why !== undefined) throw new LinkProtocolError(why)
      const { brokerId, hello, isLearner } = handshake
      this.identity = { brokerId, storeId: hello?.storeId ?? '', bootId: hello?.bootId ?? '', isLearner }
      if (hello !== undefined) this.rhythm = OUR_RHYTHM
      const { log, history } = this.#options
      reply(
        encodeMasterHandshake({
          end: log.maxPhysicalOffset,
          lastEpoch: history.last?.epoch ?? -1,
          entries: history.entries,
        }),
      )
    })
  }

  header(physicalOffset: number, bodyBytes: number): Buffer {
    const { history, confirmOffset } = this.#options
    // Before the first epoch that is known there is what a broker without a controller has written.
    const { epoch, startOffset } = history.at(physicalOffset) ?? { epoch: -1, startOffset: 0 }
    return encodeTransferHeader({
      bodyBytes,
      physicalOffset,
      epoch,
      epochStartOffset: startOffset,
      confirmOffset: confirmOffset(),
    })
  }

  endAt(physicalOffset: number): number {
    return this.#options.history.endAt(physicalOffset)
  }
}
