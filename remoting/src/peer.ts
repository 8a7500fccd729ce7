import type { Buffer } from 'node:buffer'
import {
  type BodyOf,
  type CommandHeader,
  decodeHeader,
  type Frame,
  FrameDecoder,
  type HeaderOf,
  isResponse,
  type Language,
  MalformedError,
  type ReplyOf,
  type Requests,
  type SerializeType,
} from '@rocketcluster/protocol'
import type { Connection, Log } from '@rocketcluster/world'
import { Call } from './call.ts'
import type { Deadlines } from './deadlines.ts'
import { Outbox, type OutboxPool, type OutboxTarget } from './outbox.ts'
import { TransportError } from './transport-error.ts'
import { writeAnswer, writeRequest } from './wire.ts'

/** What one connection may hold in memory. */
export interface PeerLimits {
  /**
   * Bytes that the peer has not taken. Above, a server reads no more of its requests until all of them are gone, and `invoke`
   * fails with kind `busy`.
   */
  readonly highWaterBytes: number
  /** Above this many the connection is closed. */
  readonly hardLimitBytes: number
  /** Requests being handled at once; above, nothing more is read until half of them are answered. */
  readonly maxInFlight: number
  /** The same for the bytes of those requests. */
  readonly maxInFlightBytes: number
  /** Own requests that wait for an answer; above, `invoke` fails with kind `busy`. */
  readonly maxOutstanding: number
}

/** What the connections of one server or client have in common. */
export interface PeerGroup<P> {
  readonly pool: OutboxPool
  readonly deadlines: Deadlines
  readonly log: Log
  readonly limits: PeerLimits
  readonly maxFrameBytes: number
  /** This process, as its headers tell it. */
  readonly language: Language
  readonly version: number
  readonly serializeType: SerializeType
  readonly hooks: RemotingHooks | undefined
  /**
   * Whether a peer that does not take its answers is not read from. Right for a server. A client has to go on reading, since what
   * it reads are answers: a server that waits until they are taken would wait for ever.
   */
  readonly holdsBackRequests: boolean
  /** Counts sweeps of idle connections; a peer remembers the last one in which something happened. */
  readonly sweep: { count: number }
  /** Looks at a frame before its header is decoded; true when it took care of it. */
  onFrame?(peer: P, frame: Frame): boolean
  onRequest(peer: P, header: CommandHeader, frame: Frame): void
  /** A call was not answered in time, though what comes is being read. */
  onTimeout?(peer: P): void
  onClose(peer: P): void
}

/** One request as it is about to leave; a hook may add to `ext` (signatures). The header's own fields are in it already. */
export interface OutgoingRequest {
  readonly address: string
  readonly code: number
  readonly ext: Record<string, string>
  readonly body: Uint8Array | undefined
}

export interface RemotingHooks {
  onOutgoing?(request: OutgoingRequest): void
}

export interface InvokeOptions<B> {
  /** The typed body, or bytes that are written as they are. */
  readonly body?: B | Uint8Array
  readonly timeoutMs?: number
  /** extFields beside those of the header. */
  readonly ext?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The part of an answer that is not body. */
export interface AnswerHead {
  readonly code: number
  readonly opaque: number
  readonly remark: string | undefined
  readonly ext: Readonly<Record<string, string>> | undefined
}

/**
 * One end of one connection. Both ends may ask and answer: what carries the response flag is paired with our own calls by
 * `opaque`, anything else is a request. Everything that is sent in one turn leaves in one write.
 */
export class Peer implements OutboxTarget {
  /** Whatever the owner wants to remember about this peer (the client registry does). */
  readonly attributes: Record<string, unknown> = {}
  /** Language and version of the peer, from the last request that was decoded as a whole. */
  language: Language = 'OTHER'
  version = 0
  lastSweep: number
  /** On the monotonic clock, when the first call timed out since the peer was last heard; undefined when none has. */
  silentSinceMs: number | undefined = undefined
  readonly outbox: Outbox
  protected readonly group: PeerGroup<this>
  readonly #connection: Connection
  readonly #frames: FrameDecoder
  #calls: Map<number, Call> | undefined
  #nextOpaque = 0
  #inFlight = 0
  #inFlightBytes = 0
  /** How often something was handed to the network: tells whether a call's bytes were. */
  writes = 0
  #scheduled = false
  #stopped = false
  #held = false
  #congested = false
  #closed = false
  #ending = false
  #reading = false
  /** Handed to the network since the beginning. */
  #writtenBytes = 0
  #written: { end: number; callback: () => void }[] | undefined
  #onClose: (() => void)[] | undefined
  #onIdle: (() => void)[] | undefined

  constructor(connection: Connection, group: PeerGroup<any>) {
    this.group = group
    this.outbox = new Outbox(group.pool)
    this.lastSweep = group.sweep.count
    this.#connection = connection
    this.#frames = new FrameDecoder(group.maxFrameBytes)
    connection.onData = chunk => this.#receive(chunk)
    connection.onClose = error => this.#lost(error)
    connection.onDrain = () => {
      if (this.#written) this.#callWritten()
      this.#congested = false
      this.#resume()
    }
  }

  /** `ip:port`. Behind a proxy it is known for sure only with the first request. */
  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get localAddress(): string {
    return this.#connection.localAddress
  }

  get encrypted(): boolean {
    return this.#connection.encrypted
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes that wait to be sent, here and in the network. */
  get pendingBytes(): number {
    return this.outbox.bytes + this.#connection.pendingBytes
  }

  /** The peer does not take what it is sent: whoever produces a lot for it should wait. */
  get congested(): boolean {
    return this.pendingBytes > this.group.limits.highWaterBytes
  }

  /** Requests of the peer that are being handled. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Own requests that wait for an answer. */
  get outstanding(): number {
    return this.#calls?.size ?? 0
  }

  /** Called once, when the connection is gone; at once when it is gone already. */
  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else (this.#onClose ??= []).push(listener)
  }

  // ---- asking

  /**
   * Sends a request and resolves with its answer. Rejects with TransportError when none came, ResponseError for codes other
   * than SUCCESS that the declaration does not list as answers, FieldError when a header value is not allowed.
   */
  invoke<D extends Requests[string]>(
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>> = {},
  ): Promise<ReplyOf<D>> {
    const { timeoutMs = 3000, signal } = options
    return new Promise((resolve, reject) => {
      if (this.#refuse(reject)) return
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const opaque = this.#takeOpaque()
      this.#write(declaration, header, options, opaque, false)
      const call = new Call({
        declaration,
        opaque,
        owner: this,
        timeoutMs,
        remove: this.group.deadlines.remove,
        resolve,
        reject,
      })
      this.#calls!.set(opaque, call)
      this.group.deadlines.add(call, timeoutMs)
      if (signal) call.abortOn(signal)
    })
  }

  /** Sends a request that nobody answers. Throws TransportError `closed` or `busy`, FieldError. */
  notify<D extends Requests[string]>(
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: Omit<InvokeOptions<BodyOf<D>>, 'timeoutMs' | 'signal'> = {},
  ): void {
    if (this.#closed || this.#ending)
      throw new TransportError('closed', `the connection to ${this.remoteAddress} is closed`, { sent: false })
    if (this.congested)
      throw new TransportError('busy', `${this.remoteAddress} does not take what it is sent`, { sent: false })
    this.#write(declaration, header, options, this.#takeOpaque(), true)
  }

  #refuse(reject: (error: unknown) => void): boolean {
    this.#calls ??= new Map()
    if (this.#closed || this.#ending) {
      reject(new TransportError('closed', `the connection to ${this.remoteAddress} is closed`, { sent: false }))
      return true
    }
    if (this.#calls.size >= this.group.limits.maxOutstanding || this.congested) {
      const why = this.congested
        ? 'does not take what it is sent'
        : `has ${this.#calls.size} requests to answer already`
      reject(new TransportError('busy', `${this.remoteAddress} ${why}`, { sent: false }))
      return true
    }
    return false
  }

  /** A 32-bit counter that wraps into the negative, as Java's. */
  #takeOpaque(): number {
    do this.#nextOpaque = (this.#nextOpaque + 1) | 0
    while (this.#calls?.has(this.#nextOpaque))
    return this.#nextOpaque
  }

  #write(
    declaration: Requests[string],
    header: object,
    { body, ext }: InvokeOptions<unknown>,
    opaque: number,
    oneWay: boolean,
  ): void {
    writeRequest(this.outbox, this.group, this.remoteAddress, { declaration, header, body, ext, opaque, oneWay })
    this.touch()
  }

  /** @internal A call that ended without its answer: what comes later is ignored. */
  forget(call: Call): void {
    this.#calls?.delete(call.opaque)
  }

  /** @internal A call that was not answered in time. */
  expired(call: Call): void {
    this.forget(call)
    if (!this.#stopped) this.group.onTimeout?.(this)
  }

  // ---- answering

  /**
   * Writes one answer. Frames are built here, so that a handler never sees one. `written` is called exactly once, when the
   * body's memory is no longer needed: the system took it, or the peer is gone.
   */
  answer(head: AnswerHead, body?: readonly Uint8Array[], written?: () => void): void {
    if (!this.#closed) writeAnswer(this.outbox, this.group, head, body)
    if (written) this.whenWritten(written)
    this.touch()
  }

  /** Calls back, exactly once, when everything sent so far was taken by the system or the peer is gone. */
  whenWritten(callback: () => void): void {
    if (this.#closed) callback()
    else (this.#written ??= []).push({ end: this.#writtenBytes + this.outbox.bytes, callback })
  }

  /** Sends ready frames (whole ones) at the end of this turn. Buffers above 2 KiB must stay unchanged until sent. */
  send(buffers: readonly Uint8Array[]): void {
    if (this.#closed) return
    for (let i = 0; i < buffers.length; i++) this.outbox.add(buffers[i]!)
    this.touch()
  }

  /** To be called after writing to the outbox: what is in it leaves at the end of this turn. */
  touch(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    this.group.pool.schedule(this)
  }

  /** A request is being handled. Every one ends in exactly one `done` with the same number of bytes, answered or not. */
  begin(bytes: number): void {
    this.#inFlight++
    this.#inFlightBytes += bytes
    const { maxInFlight, maxInFlightBytes } = this.group.limits
    if (this.#inFlight >= maxInFlight || this.#inFlightBytes >= maxInFlightBytes) this.#stop()
  }

  /** `count` requests of `bytes` in all are done. */
  done(bytes: number, count = 1): void {
    this.#inFlight -= count
    this.#inFlightBytes -= bytes
    if (this.#stopped) this.#resume()
    if (this.#inFlight === 0 && this.#onIdle) {
      const listeners = this.#onIdle
      this.#onIdle = undefined
      for (const listener of listeners) listener()
    }
  }

  /** Calls back when no request of the peer is being handled; at once when none is. */
  whenIdle(listener: () => void): void {
    if (this.#inFlight === 0 || this.#closed) listener()
    else (this.#onIdle ??= []).push(listener)
  }

  // ---- the network

  /** Sends what is pending, then closes. What the peer asks from now on is not carried out, as it could not be answered. */
  end(): void {
    if (this.#closed) return
    this.flush()
    this.#ending = true
    this.#connection.end()
  }

  /** Closes now. */
  destroy(): void {
    if (!this.#closed) this.#connection.destroy()
  }

  flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#writtenBytes += this.outbox.bytes
    const buffers = this.outbox.take()
    if (buffers.length > 0) {
      this.lastSweep = this.group.sweep.count
      this.writes++
      this.#connection.write(buffers)
    }
    if (this.#written) this.#callWritten()
    const { pendingBytes } = this.#connection
    const { highWaterBytes, hardLimitBytes } = this.group.limits
    if (pendingBytes <= highWaterBytes) return
    if (this.group.holdsBackRequests) {
      this.#congested = true
      this.#stop()
    }
    if (pendingBytes <= hardLimitBytes) return
    this.group.log.warn(
      { remoteAddress: this.remoteAddress, pendingBytes, hardLimitBytes },
      'connection closed: the peer does not read what it is sent',
    )
    this.#connection.destroy()
  }

  #callWritten(): void {
    const taken = this.#writtenBytes - this.#connection.pendingBytes
    const waiting = this.#written!
    let count = 0
    while (count < waiting.length && waiting[count]!.end <= taken) count++
    if (count === 0) return
    if (count === waiting.length) this.#written = undefined
    else this.#written = waiting.slice(count)
    for (let i = 0; i < count; i++) this.#safely(waiting[i]!.callback)
  }

  #receive(chunk: Buffer): void {
    if (this.#closed || this.#ending) return
    this.lastSweep = this.group.sweep.count
    this.silentSinceMs = undefined
    this.#frames.push(chunk)
    this.#read()
  }

  /** Handles the frames that are complete, until there are no more or reading has to stop. */
  #read(): void {
    // A handler may answer at once and so call `resume` from in here.
    if (this.#reading) return
    this.#reading = true
    try {
      while (!this.#stopped && !this.#closed && !this.#ending) {
        const frame = this.#frames.next()
        if (frame === undefined) break
        this.#handle(frame)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#reading = false
    }
  }

  #handle(frame: Frame): void {
    if (this.group.onFrame?.(this, frame)) return
    const header = decodeHeader(frame)
    if (isResponse(header)) this.#pair(header, frame)
    else this.group.onRequest(this, header, frame)
  }

  #pair(header: CommandHeader, frame: Frame): void {
    const call = this.#calls?.get(header.opaque)
    if (call === undefined) return // answered after its time-out, or never asked
    this.#calls!.delete(header.opaque)
    call.answered(header, frame)
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#connection.pause()
  }

  /** What comes from now on waits, unread; answers still go out. */
  hold(): void {
    this.#held = true
    this.#stop()
  }

  /** Takes back `hold`. */
  letGo(): void {
    this.#held = false
    this.#resume()
  }

  #resume(): void {
    const { maxInFlight, maxInFlightBytes } = this.group.limits
    if (!this.#stopped || this.#closed || this.#congested || this.#held) return
    if (this.#inFlight > maxInFlight / 2 || this.#inFlightBytes > maxInFlightBytes / 2) return
    this.#stopped = false
    this.#read()
    if (!this.#stopped && !this.#closed) this.#connection.resume()
  }

  #fail(error: unknown): void {
    const { log } = this.group
    const fields = { remoteAddress: this.remoteAddress, error: error instanceof Error ? error.message : String(error) }
    if (error instanceof MalformedError) log.warn(fields, 'connection closed: the peer sent bytes that are no frame')
    else log.error({ ...fields, stack: (error as Error)?.stack }, 'connection closed: a fault of this program')
    this.#connection.destroy()
  }

  #lost(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.outbox.take()
    const calls = this.#calls
    this.#calls = undefined
    if (calls)
      for (const call of calls.values())
        call.fail(
          new TransportError('closed', `the connection to ${this.remoteAddress} was closed before the answer came`, {
            sent: call.sent,
            cause: error,
          }),
        )
    const written = this.#written
    this.#written = undefined
    for (const { callback } of written ?? []) this.#safely(callback)
    for (const listener of this.#onClose ?? []) this.#safely(listener)
    this.#onClose = undefined
    const idle = this.#onIdle
    this.#onIdle = undefined
    for (const listener of idle ?? []) this.#safely(listener)
    this.group.onClose(this)
  }

  #safely(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.group.log.error({ remoteAddress: this.remoteAddress, error }, 'a callback of a connection failed')
    }
  }
}
