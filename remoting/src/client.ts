import {
  type BodyOf,
  CURRENT_VERSION,
  DEFAULT_MAX_FRAME_BYTES,
  type HeaderOf,
  type Language,
  type ReplyOf,
  type Requests,
  ResponseError,
  type SerializeType,
} from '@rocketcluster/protocol'
import { type Log, NetworkError, type Timer, type TlsClientOptions, type World } from '@rocketcluster/world'
import { parseAddress } from './address.ts'
import { Deadlines, Waiting } from './deadlines.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Handler, RequestRecord } from './handlers.ts'
import { defaultLimits } from './limits.ts'
import { OutboxPool } from './outbox.ts'
import { type InvokeOptions, Peer, type PeerGroup, type PeerLimits, type RemotingHooks } from './peer.ts'
import { TransportError, type TransportErrorKind } from './transport-error.ts'

export interface RemotingClientOptions {
  readonly connectTimeoutMs?: number
  /** A connection on which nothing moved for so long, and nothing is waited for, is closed; 120 s. */
  readonly idleTimeoutMs?: number
  readonly tls?: TlsClientOptions
  readonly serializeType?: SerializeType
  readonly language?: Language
  readonly version?: number
  readonly hooks?: RemotingHooks
  readonly maxFrameBytes?: number
  readonly limits?: Partial<PeerLimits>
  /** What the handlers given to `handle` find beside the request. */
  readonly services?: object
  readonly onRequest?: (record: RequestRecord) => void
  readonly log?: Log
}

/** The client's end of a connection. */
export class ClientConnection extends Peer {
  /** As the caller wrote it; `remoteAddress` is what it resolved to. */
  readonly address: string
  /** The server said GO_AWAY: what was asked is still awaited, but nothing new is sent here. */
  retired = false

  constructor(connection: ConstructorParameters<typeof Peer>[0], group: PeerGroup<ClientConnection>, address: string) {
    super(connection, group)
    this.address = address
  }
}

/** Asks any number of servers, over one connection for each address, made when it is first needed. */
export class RemotingClient {
  readonly #world: World
  readonly #options: RemotingClientOptions
  readonly #log: Log
  readonly #group: PeerGroup<ClientConnection>
  readonly #dispatcher: Dispatcher<ClientConnection>
  readonly #connections = new Map<string, ClientConnection>()
  readonly #connecting = new Map<string, Connecting>()
  /** Retired ones too. */
  readonly #open = new Set<ClientConnection>()
  readonly #listeners = new Set<(address: string) => void>()
  readonly #sweep = { count: 0 }
  #sweeper: Timer | undefined
  #closed = false
  #whenEmpty: (() => void) | undefined

  constructor(world: World, options: RemotingClientOptions = {}) {
    this.#world = world
    this.#options = options
    this.#log = options.log ?? world.log
    this.#dispatcher = new Dispatcher<ClientConnection>({
      clock: world.clock,
      log: this.#log,
      services: options.services ?? {},
      onRequest: options.onRequest,
    })
    this.#group = {
      pool: new OutboxPool(world.clock),
      deadlines: new Deadlines(world.clock),
      log: this.#log,
      limits: defaultLimits({ ...CLIENT_LIMITS, ...options.limits }),
      maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      language: options.language ?? 'NODE_JS',
      version: options.version ?? CURRENT_VERSION,
      serializeType: options.serializeType ?? 'JSON',
      hooks: options.hooks,
      holdsBackRequests: false,
      sweep: this.#sweep,
      onRequest: (connection, header, frame) => this.#dispatcher.dispatch(connection, header, frame),
      onTimeout: connection => this.#giveUpSilent(connection),
      onClose: connection => this.#onClose(connection),
    }
  }

  /** Answers a request that servers send. Throws when its code has a handler already. */
  handle<D extends Requests[string]>(declaration: D, handler: Handler<D, {}, ClientConnection>): void {
    this.#dispatcher.add(declaration, handler)
  }

  /** Calls back whenever the connection to an address is gone. Returns the way to stop that. */
  onClose(listener: (address: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Addresses with an open connection. */
  get addresses(): string[] {
    return [...this.#connections.keys()]
  }

  /** The open connection to an address; undefined when there is none. */
  connection(address: string): ClientConnection | undefined {
    return this.#connections.get(address)
  }

  /**
   * Asks and resolves with the answer; `timeoutMs` (3 s) covers connecting too. Rejects with TransportError when none came,
   * ResponseError for codes other than SUCCESS that the declaration does not list as answers, FieldError for a header value
   * that is not allowed. A server that says GO_AWAY is asked again over a new connection, once.
   */
  invoke<D extends Requests[string]>(
    address: string,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>> = {},
  ): Promise<ReplyOf<D>> {
    const connection = this.#connections.get(address)
    if (connection === undefined) return this.#connectAndInvoke(address, declaration, header, options)
    const startMs = this.#world.clock.monotonicMs()
    return connection
      .invoke(declaration, header, options)
      .catch(error => this.#afterGoAway(error, connection, startMs, declaration, header, options))
  }

  async #connectAndInvoke<D extends Requests[string]>(
    address: string,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>>,
  ): Promise<ReplyOf<D>> {
    const startMs = this.#world.clock.monotonicMs()
    const connection = await this.connect(address, options)
    const left = this.#left(startMs, options)
    try {
      return await connection.invoke(declaration, header, left)
    } catch (error) {
      return this.#afterGoAway(error, connection, startMs, declaration, header, options)
    }
  }

  async #afterGoAway<D extends Requests[string]>(
    error: unknown,
    connection: ClientConnection,
    startMs: number,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: InvokeOptions<BodyOf<D>>,
  ): Promise<ReplyOf<D>> {
    if (!(error instanceof ResponseError) || error.status !== 'GO_AWAY') throw error
    this.#retire(connection)
    const left = this.#left(startMs, options)
    if (left.timeoutMs <= 0) throw error
    const next = await this.connect(connection.address, left)
    try {
      return await next.invoke(declaration, header, this.#left(startMs, options))
    } catch (again) {
      if (again instanceof ResponseError && again.status === 'GO_AWAY') this.#retire(next)
      throw again
    }
  }

  #left<B>(startMs: number, options: InvokeOptions<B>): InvokeOptions<B> & { timeoutMs: number } {
    const timeoutMs = (options.timeoutMs ?? DEFAULT_TIMEOUT_MS) - (this.#world.clock.monotonicMs() - startMs)
    return { ...options, timeoutMs }
  }

  /** Sends a request that nobody answers; resolves when it is on its way. Rejects with TransportError or FieldError. */
  async invokeOneWay<D extends Requests[string]>(
    address: string,
    declaration: D,
    header: Partial<HeaderOf<D>>,
    options: Omit<InvokeOptions<BodyOf<D>>, 'signal'> = {},
  ): Promise<void> {
    const connection = this.#connections.get(address) ?? (await this.connect(address, options))
    connection.notify(declaration, header, options)
  }

  /** The connection to an address, made when there is none. All who ask meanwhile share one attempt. */
  connect(
    address: string,
    { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: Pick<InvokeOptions<unknown>, 'timeoutMs' | 'signal'> = {},
  ): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new TransportError('closed', 'this remoting client is closed', { sent: false }))
        return
      }
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const open = this.#connections.get(address)
      if (open) {
        resolve(open)
        return
      }
      const wait = new ConnectWait(address, timeoutMs, this.#group.deadlines, resolve, reject)
      this.#group.deadlines.add(wait, timeoutMs)
      if (signal) wait.abortOn(signal)
      const connecting = this.#connecting.get(address)
      if (connecting) connecting.waits.push(wait)
      else {
        const fresh: Connecting = { waits: [wait] }
        this.#connecting.set(address, fresh)
        this.#dial(address, fresh)
      }
    })
  }

  async #dial(address: string, connecting: Connecting): Promise<void> {
    const { connectTimeoutMs = 3000, tls, idleTimeoutMs = 120_000 } = this.#options
    try {
      const { host, port } = parseAddress(address)
      const raw = await this.#world.network.connect({ host, port, timeoutMs: connectTimeoutMs, tls })
      // In the turn that hands the connection out: it must not lose a byte or its end.
      const connection = new ClientConnection(raw, this.#group, address)
      this.#connecting.delete(address)
      if (this.#closed) {
        connection.destroy()
        throw new TransportError('closed', 'this remoting client is closed', { sent: false })
      }
      this.#connections.set(address, connection)
      this.#open.add(connection)
      this.#sweeper ??= this.#world.clock.setInterval(
        () => this.#closeIdle(),
        Math.max(1, idleTimeoutMs / SWEEPS_PER_TIMEOUT),
      )
      for (const wait of connecting.waits) wait.resolve(connection)
    } catch (error) {
      this.#connecting.delete(address)
      const told = transportError(error, address)
      for (const wait of connecting.waits) wait.reject(told)
    }
  }

  #retire(connection: ClientConnection): void {
    if (connection.retired) return
    connection.retired = true
    this.#detach(connection)
    this.#log.info({ address: connection.address }, 'the server said GO_AWAY: connecting anew')
    if (connection.outstanding === 0) connection.end()
  }

  /** Closing takes a while: who asks meanwhile gets a new connection. */
  #detach(connection: ClientConnection): void {
    if (this.#connections.get(connection.address) === connection) this.#connections.delete(connection.address)
  }

  #onClose(connection: ClientConnection): void {
    this.#open.delete(connection)
    this.#detach(connection)
    if (this.#open.size === 0) {
      this.#sweeper?.cancel()
      this.#sweeper = undefined
      this.#whenEmpty?.()
    }
    for (const listener of [...this.#listeners])
      try {
        listener(connection.address)
      } catch (err) {
        this.#log.error({ err }, 'a listener of a connection failed')
      }
  }

  /**
   * A machine that lost its power, or an address that has moved, says nothing; the system itself goes on sending for a quarter
   * of an hour. Apache's client closes a connection at the first time-out (clientCloseSocketIfTimeout).
   */
  #giveUpSilent(connection: ClientConnection): void {
    const nowMs = this.#world.clock.monotonicMs()
    connection.silentSinceMs ??= nowMs
    if (nowMs - connection.silentSinceMs < MOST_SILENCE_MS) return
    this.#log.warn(
      { address: connection.address },
      'connection closed: calls time out and nothing comes from the server',
    )
    this.#detach(connection)
    connection.destroy()
  }

  #closeIdle(): void {
    const now = ++this.#sweep.count
    for (const connection of this.#open) {
      if (connection.outstanding > 0) continue
      if (!connection.retired && now - connection.lastSweep <= SWEEPS_PER_TIMEOUT) continue
      this.#detach(connection)
      connection.end()
    }
  }

  /** Sends what is pending and closes all connections; what is still awaited fails with TransportError `closed`. */
  async close(): Promise<void> {
    this.#closed = true
    const { clock } = this.#world
    for (const { waits } of this.#connecting.values())
      for (const wait of waits)
        wait.reject(new TransportError('closed', 'this remoting client is closed', { sent: false }))
    if (this.#open.size === 0) return
    const empty = new Promise<void>(resolve => (this.#whenEmpty = resolve))
    for (const connection of [...this.#open]) connection.end()
    const patience = clock.setTimeout(() => {
      for (const connection of [...this.#open]) connection.destroy()
    }, END_PATIENCE_MS)
    await empty
    patience.cancel()
  }
}

const DEFAULT_TIMEOUT_MS = 3000
/** What waits here are the caller's own bytes; refusing more of them is what bounds it. */
const CLIENT_LIMITS = { highWaterBytes: 256 * 1024 * 1024, hardLimitBytes: Number.POSITIVE_INFINITY }
const SWEEPS_PER_TIMEOUT = 8
const END_PATIENCE_MS = 1000
/** How long after a time-out the server may be silent while more calls time out. */
const MOST_SILENCE_MS = 5000

interface Connecting {
  readonly waits: ConnectWait[]
}

/** One caller that waits for a connection, at most as long as its own time-out. */
class ConnectWait extends Waiting {
  readonly #address: string
  readonly #timeoutMs: number
  readonly #deadlines: Deadlines
  readonly #resolve: (connection: ClientConnection) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  #abort: (() => void) | undefined

  constructor(
    address: string,
    timeoutMs: number,
    deadlines: Deadlines,
    resolve: (connection: ClientConnection) => void,
    reject: (error: unknown) => void,
  ) {
    super()
    this.#address = address
    this.#timeoutMs = timeoutMs
    this.#deadlines = deadlines
    this.#resolve = resolve
    this.#reject = reject
  }

  abortOn(signal: AbortSignal): void {
    this.#signal = signal
    this.#abort = () => this.reject(signal.reason)
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  resolve(connection: ClientConnection): void {
    this.#finish()
    this.#resolve(connection)
  }

  reject(error: unknown): void {
    this.#finish()
    this.#reject(error)
  }

  override expire(): void {
    this.reject(
      new TransportError('timeout', `no connection to ${this.#address} within ${this.#timeoutMs} ms`, { sent: false }),
    )
  }

  #finish(): void {
    this.#deadlines.remove(this)
    this.#signal?.removeEventListener('abort', this.#abort!)
  }
}

const KINDS: Partial<Record<string, TransportErrorKind>> = { refused: 'refused', timeout: 'timeout' }

function transportError(error: unknown, address: string): unknown {
  if (!(error instanceof NetworkError)) return error
  const kind = KINDS[error.code] ?? 'unreachable'
  return new TransportError(kind, `cannot connect to ${address}: ${error.message}`, { sent: false, cause: error })
}
