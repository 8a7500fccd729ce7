import {
  CURRENT_VERSION,
  DEFAULT_MAX_FRAME_BYTES,
  type Frame,
  frameBytes,
  type Language,
  MQVersion,
  type Requests,
  ResponseError,
  type SerializeType,
} from '@rocketcluster/protocol'
import type { Connection, Listener, Log, Timer, TlsServerOptions, World } from '@rocketcluster/world'
import { Deadlines } from './deadlines.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Handler, Handlers, RequestRecord } from './handlers.ts'
import { defaultLimits } from './limits.ts'
import { OutboxPool } from './outbox.ts'
import { peekCode, peekIsResponse } from './peek.ts'
import { Peer, type PeerGroup, type PeerLimits } from './peer.ts'

/**
 * A handler that reads the frame itself and writes its answer through `connection`. It ends each frame it was given in exactly
 * one `connection.done(frameBytes(frame))`, answered or not. What it throws before is answered for it, `done` included.
 */
export type HotHandler = (frame: Frame, connection: ServerConnection) => void

export interface RemotingServerOptions<R extends Requests = Requests, S extends object = {}> {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly tls?: TlsServerOptions
  readonly requests: R
  readonly handlers: Handlers<R, S, ServerConnection>
  /** What handlers find beside the request: they inherit it, so a plain object of services is enough. */
  readonly services: S
  /** Answers requests whose code is in no declaration; without it they get REQUEST_CODE_NOT_SUPPORTED. */
  readonly fallback?: Handler<any, S, ServerConnection>
  /** By request code. They come before `handlers`. */
  readonly hot?: Readonly<Record<number, HotHandler>>
  /** Codes that are not served here though others of their kind are (RocketMQ's VIP port leaves out the pull family). */
  readonly excludeCodes?: readonly number[]
  /** Longest frame, its length field included; 16 MiB as in Apache (NettyDecoder.java). */
  readonly maxFrameBytes?: number
  readonly maxInFlightPerConnection?: number
  readonly limits?: Partial<PeerLimits>
  /** A connection on which nothing moved for so long is closed; 120 s (serverChannelMaxIdleTimeSeconds). */
  readonly idleTimeoutMs?: number
  readonly maxConnections?: number
  /** Gives each connection its id; shared by several servers, so that their connections can be told apart. */
  readonly nextConnectionId?: () => number
  /** How answers and own requests are written; callers may use either. */
  readonly serializeType?: SerializeType
  readonly language?: Language
  readonly version?: number
  readonly onConnect?: (connection: ServerConnection) => void
  readonly onClose?: (connection: ServerConnection) => void
  readonly onRequest?: (record: RequestRecord) => void
  readonly log?: Log
}

/** A client's connection, as the server sees it. */
export class ServerConnection extends Peer {
  /** Unique within its server and those that share its `nextConnectionId`, in the order of arrival. */
  readonly id: number

  constructor(connection: Connection, group: PeerGroup<ServerConnection>, id: number) {
    super(connection, group)
    this.id = id
  }
}

/** Serves RocketMQ's remoting protocol on one port. */
export class RemotingServer<R extends Requests = Requests, S extends object = {}> {
  readonly connections: ReadonlySet<ServerConnection>
  readonly #world: World
  readonly #options: RemotingServerOptions<R, S>
  readonly #log: Log
  readonly #group: PeerGroup<ServerConnection>
  readonly #dispatcher: Dispatcher<ServerConnection>
  readonly #hot: ReadonlyMap<number, HotHandler>
  readonly #connections = new Set<ServerConnection>()
  readonly #sweep = { count: 0 }
  readonly #nextId: () => number
  #refused = 0
  #leaving = false
  #holding = false
  #listener: Listener | undefined
  #sweeper: Timer | undefined
  #whenEmpty: (() => void) | undefined

  constructor(world: World, options: RemotingServerOptions<R, S>) {
    this.#world = world
    this.#options = options
    this.#log = options.log ?? world.log
    let ids = 0
    this.#nextId = options.nextConnectionId ?? (() => ids++)
    this.connections = this.#connections
    const excluded = new Set(options.excludeCodes)
    this.#hot = new Map(
      Object.entries(options.hot ?? {})
        .map(([code, handler]) => [Number(code), handler] as const)
        .filter(([code]) => !excluded.has(code)),
    )
    this.#dispatcher = new Dispatcher<ServerConnection>({
      clock: world.clock,
      log: this.#log,
      services: options.services,
      fallback: options.fallback as Handler<any, any, ServerConnection>,
      onRequest: options.onRequest,
    })
    for (const [name, declaration] of Object.entries(options.requests))
      if (!excluded.has(declaration.code))
        this.#dispatcher.add(declaration, options.handlers[name] as Handler<any, any, any>)
    const limits = defaultLimits(options.limits)
    this.#group = {
      pool: new OutboxPool(world.clock),
      deadlines: new Deadlines(world.clock),
      log: this.#log,
      limits: { ...limits, maxInFlight: options.maxInFlightPerConnection ?? limits.maxInFlight },
      maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      // RocketMQ's servers say JAVA, and some clients branch on it.
      language: options.language ?? 'JAVA',
      version: options.version ?? CURRENT_VERSION,
      serializeType: options.serializeType ?? 'JSON',
      hooks: undefined,
      holdsBackRequests: true,
      sweep: this.#sweep,
      onFrame: this.#hot.size > 0 ? (connection, frame) => this.#onFrame(connection, frame) : undefined,
      onRequest: (connection, header, frame) =>
        this.#dispatcher.dispatch(connection, header, frame, this.#leaving ? goAwayIfKnown : undefined),
      onClose: connection => this.#onClose(connection),
    }
  }

  /** Throws NetworkError when the address cannot be listened on. */
  async start(): Promise<Listener> {
    const { host, port, tls, idleTimeoutMs = 120_000 } = this.#options
    this.#listener = await this.#world.network.listen({
      host,
      port,
      tls,
      onConnection: connection => this.#accept(connection),
    })
    // One sweep for all connections: a connection costs no timer. It goes after idleTimeoutMs to 1 1/8 of it.
    this.#sweeper = this.#world.clock.setInterval(
      () => this.#closeIdle(),
      Math.max(1, idleTimeoutMs / SWEEPS_PER_TIMEOUT),
    )
    return this.#listener
  }

  /** While it listens: for its port, and to give it new certificates. */
  get listener(): Listener | undefined {
    return this.#listener
  }

  /**
   * From now on answers GO_AWAY to clients that understand it (newer than 5.3.1), so that they connect anew. Requests of older
   * ones are served until their connection is closed.
   */
  goAway(): void {
    this.#leaving = true
  }

  /** Takes back `goAway`. */
  stay(): void {
    this.#leaving = false
  }

  /** What clients ask from now on waits, unread, in connections that stay open; what was read is answered. */
  hold(): void {
    this.#holding = true
    for (const connection of this.#connections) connection.hold()
  }

  /** Takes back `hold`. */
  letGo(): void {
    this.#holding = false
    for (const connection of this.#connections) connection.letGo()
  }

  /** Accepts no more; the connections that there are stay. Resolves when the port is free. */
  async stopListening(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    await listener?.close()
  }

  /**
   * Accepts no more. Without grace: lets requests that are being handled go unanswered unless their answer is ready, sends what
   * is pending and closes. With it: serves what is being handled, says GO_AWAY to what is new, and closes each connection
   * when it is quiet, all of them at the end.
   */
  async close({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
    this.#leaving = true
    const closed = this.#listener?.close()
    this.#listener = undefined
    const { clock } = this.#world
    const empty = new Promise<void>(resolve => {
      this.#whenEmpty = resolve
      if (this.#connections.size === 0) resolve()
    })
    if (graceMs > 0) {
      // A client that knows GO_AWAY leaves by itself when it is told so, which it is with its next request: ending its connection
      // at once would cost it that request. After a while it is not going to ask.
      this.#endWhenIdle(({ version }) => version <= MQVersion.V5_3_1)
      await within(clock, Math.min(graceMs, GO_AWAY_PATIENCE_MS), empty)
      this.#endWhenIdle(() => true)
      if (graceMs > GO_AWAY_PATIENCE_MS) await within(clock, graceMs - GO_AWAY_PATIENCE_MS, empty)
    }
    for (const connection of [...this.#connections]) {
      connection.end()
      // Unread, the client's goodbye would not be seen; what else it asked is not looked at any more.
      connection.letGo()
    }
    await within(clock, END_PATIENCE_MS, empty)
    for (const connection of [...this.#connections]) connection.destroy()
    this.#sweeper?.cancel()
    await Promise.all([closed, empty])
  }

  #endWhenIdle(those: (connection: ServerConnection) => boolean): void {
    for (const connection of [...this.#connections]) if (those(connection)) connection.whenIdle(() => connection.end())
  }

  #accept(connection: Connection): void {
    const { maxConnections = Number.POSITIVE_INFINITY, onConnect } = this.#options
    if (this.#connections.size >= maxConnections || (this.#leaving && this.#whenEmpty)) {
      this.#refused++
      connection.onData = connection.onDrain = () => {}
      connection.onClose = () => {}
      connection.destroy()
      return
    }
    const accepted = new ServerConnection(connection, this.#group, this.#nextId())
    this.#connections.add(accepted)
    if (this.#holding) accepted.hold()
    this.#safely(() => onConnect?.(accepted))
  }

  #onFrame(connection: ServerConnection, frame: Frame): boolean {
    if (this.#leaving) return false
    const code = peekCode(frame)
    const hot = code === undefined ? undefined : this.#hot.get(code)
    if (hot === undefined || peekIsResponse(frame)) return false
    connection.begin(frameBytes(frame))
    try {
      hot(frame, connection)
    } catch (error) {
      this.#dispatcher.refuse(connection, frame, error)
    }
    return true
  }

  #onClose(connection: ServerConnection): void {
    this.#connections.delete(connection)
    this.#safely(() => this.#options.onClose?.(connection))
    if (this.#connections.size === 0) this.#whenEmpty?.()
  }

  #closeIdle(): void {
    if (this.#refused > 0) {
      const { maxConnections } = this.#options
      this.#log.warn(
        { refused: this.#refused, maxConnections },
        'connections refused: there are as many as maxConnections allows',
      )
      this.#refused = 0
    }
    const { idleTimeoutMs = 120_000 } = this.#options
    const now = ++this.#sweep.count
    for (const connection of this.#connections) {
      if (now - connection.lastSweep <= SWEEPS_PER_TIMEOUT) continue
      this.#log.info({ remoteAddress: connection.remoteAddress, idleTimeoutMs }, 'connection closed: idle')
      connection.destroy()
    }
  }

  #safely(call: () => void): void {
    try {
      call()
    } catch (err) {
      this.#log.error({ err }, 'a listener of a connection failed')
    }
  }
}

const SWEEPS_PER_TIMEOUT = 8
/** How long a client may take to ask something and be told GO_AWAY. */
const GO_AWAY_PATIENCE_MS = 1000
/** How long a connection that was ended may take to send what is pending. */
const END_PATIENCE_MS = 1000

function goAwayIfKnown({ version }: { version: number }): void {
  if (version > MQVersion.V5_3_1) throw new ResponseError('GO_AWAY', 'this server is leaving: connect anew')
}

/** Resolves when `done` does or when the time is over. */
function within(clock: World['clock'], timeoutMs: number, done: Promise<void>): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.setTimeout(resolve, timeoutMs)
    done.then(() => {
      timer.cancel()
      resolve()
    })
  })
}
