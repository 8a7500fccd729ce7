import {
  type CommandHeader,
  type Frame,
  type RequestDeclaration,
  type Requests,
  ResponseError,
} from '@rocketcluster/protocol'
import { Waiting } from './deadlines.ts'
import { TransportError } from './transport-error.ts'
import { decodeReply } from './wire.ts'

/** The connection that a call went out on, as far as a call needs it. */
export interface CallOwner {
  readonly remoteAddress: string
  /** Writes that have been handed to the network. */
  readonly writes: number
  forget(call: Call): void
  /** It was not answered in time; forgets it, too. */
  expired(call: Call): void
}

/** One request that waits for its answer. */
export class Call extends Waiting {
  readonly opaque: number
  readonly #declaration: RequestDeclaration
  readonly #owner: CallOwner
  readonly #timeoutMs: number
  readonly #resolve: (reply: any) => void
  readonly #reject: (error: unknown) => void
  readonly #writes: number
  readonly #remove: (call: Call) => void
  #signal: AbortSignal | undefined
  #abort: (() => void) | undefined

  constructor(call: {
    declaration: Requests[string]
    opaque: number
    owner: CallOwner
    timeoutMs: number
    /** Takes the call out of the deadlines. */
    remove: (call: Call) => void
    resolve: (reply: any) => void
    reject: (error: unknown) => void
  }) {
    super()
    this.opaque = call.opaque
    this.#declaration = call.declaration
    this.#owner = call.owner
    this.#timeoutMs = call.timeoutMs
    this.#writes = call.owner.writes
    this.#remove = call.remove
    this.#resolve = call.resolve
    this.#reject = call.reject
  }

  /** Whether its bytes were handed to the network. */
  get sent(): boolean {
    return this.#owner.writes > this.#writes
  }

  abortOn(signal: AbortSignal): void {
    this.#signal = signal
    this.#abort = () => {
      this.#owner.forget(this)
      this.fail(signal.reason)
    }
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  answered(header: CommandHeader, frame: Frame): void {
    this.#finish()
    try {
      const reply = decodeReply(this.#declaration, header, frame)
      if (reply instanceof ResponseError) this.#reject(reply)
      else this.#resolve(reply)
    } catch (error) {
      this.#reject(error)
    }
  }

  override expire(): void {
    this.#owner.expired(this)
    this.fail(
      new TransportError(
        'timeout',
        `${this.#owner.remoteAddress} did not answer request ${this.#declaration.code} within ${this.#timeoutMs} ms`,
        { sent: this.sent },
      ),
    )
  }

  fail(error: unknown): void {
    this.#finish()
    this.#reject(error)
  }

  #finish(): void {
    this.#remove(this)
    if (this.#signal) this.#signal.removeEventListener('abort', this.#abort!)
  }
}
