import type { Connection, Listener, Timer, World } from '@rocketcluster/world'
import type { LogStretch, ReplicatedLog } from '../replicated-log.ts'
import { ClassicDialect } from './classic-dialect.ts'
import type { SlaveDialect, SlaveIdentity } from './slave-dialect.ts'

/** Bytes of one frame. Apache's slaves have room for 4 MiB (DefaultHAClient.java), and what has gathered goes out at once. */
const FRAME_BYTES = 256 * 1024
/** What may wait for one slave's socket: more would only be memory. */
const WINDOW_BYTES = 4 * 1024 * 1024
const TICK_MS = 100
const TICKS_PER_SECOND = 1000 / TICK_MS

export interface LinkServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly log: ReplicatedLog
  /** haSendHeartbeatInterval, milliseconds. */
  readonly heartbeatIntervalMs: number
  /** haHousekeepingInterval: a slave that says nothing for so long is gone. Milliseconds. */
  readonly silenceMs: number
  /** Slaves have come, gone, or have more of the log. */
  readonly onChange: () => void
  /** How slaves are spoken to; one for each connection. Classic without. */
  readonly dialect?: () => SlaveDialect
}

/** One slave as its master sees it. Offsets are physical. */
export interface LinkView {
  /** `ip:port` */
  readonly address: string
  /** It has everything before it. */
  readonly ackOffset: number
  /** Everything before it has been handed to the network. */
  readonly sentOffset: number
  readonly bytesPerSecond: number
  /** When it was last heard, monotonic milliseconds. */
  readonly heardMs: number
  /** Who it is; undefined over a classic link, which does not say. */
  readonly identity: SlaveIdentity | undefined
}

/** Sends a master's log to its slaves: to each from where it says that its own log ends (DefaultHAService.java). */
export class LinkServer {
  readonly #options: LinkServerOptions
  readonly #world: World
  readonly #links = new Set<SlaveLink>()
  readonly #timer: Timer
  readonly #unlisten: () => void
  #listener: Listener | undefined

  /** Throws NetworkError when the port cannot be had. */
  static async start(world: World, options: LinkServerOptions): Promise<LinkServer> {
    const server = new LinkServer(world, options)
    try {
      server.#listener = await world.network.listen({
        host: options.host,
        port: options.port,
        onConnection: connection => server.#accept(connection),
      })
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  private constructor(world: World, options: LinkServerOptions) {
    this.#world = world
    this.#options = options
    this.#unlisten = options.log.addAdvanceListener(() => {
      for (const link of this.#links) link.pump()
    })
    this.#timer = world.clock.setInterval(() => this.#tick(), TICK_MS)
  }

  get port(): number {
    return this.#listener!.port
  }

  /** Those that have said where they are. */
  get slaves(): LinkView[] {
    return [...this.#links].filter(link => link.ackOffset !== undefined).map(link => link.view)
  }

  /** Closes every link. */
  async stop(): Promise<void> {
    this.#timer.cancel()
    this.#unlisten()
    for (const link of this.#links) link.close()
    await this.#listener?.close()
  }

  #accept(connection: Connection): void {
    const link = new SlaveLink(this.#world, connection, this.#options, () => {
      this.#links.delete(link)
      this.#options.onChange()
    })
    this.#links.add(link)
  }

  #tick(): void {
    const now = this.#world.clock.monotonicMs()
    for (const link of this.#links) link.tick(now)
  }
}

class SlaveLink {
  readonly #world: World
  readonly #connection: Connection
  readonly #options: LinkServerOptions
  readonly #dialect: SlaveDialect
  readonly #address: string
  /** Undefined until the slave has said where to begin. */
  ackOffset: number | undefined
  #next = 0
  #heardMs: number
  #sentMs: number
  #reading = false
  #closed = false
  /** Stretches whose bytes the network may still read. */
  #leased: LogStretch[] = []
  #bytes = 0
  #bytesPerSecond = 0
  #ticks = 0

  constructor(world: World, connection: Connection, options: LinkServerOptions, closed: () => void) {
    this.#world = world
    this.#connection = connection
    this.#options = options
    this.#dialect = options.dialect?.() ?? new ClassicDialect()
    this.#address = connection.remoteAddress
    this.#heardMs = this.#sentMs = world.clock.monotonicMs()
    connection.onData = chunk => this.#heard(chunk)
    connection.onDrain = () => {
      this.#release()
      this.pump()
    }
    connection.onClose = () => {
      this.#closed = true
      this.#release()
      if (this.ackOffset !== undefined) world.log.info({ slave: this.#address }, 'a slave is gone')
      closed()
    }
  }

  get view(): LinkView {
    return {
      address: this.#address,
      ackOffset: this.ackOffset ?? 0,
      sentOffset: this.#next,
      bytesPerSecond: this.#bytesPerSecond,
      heardMs: this.#heardMs,
      identity: this.#dialect.identity,
    }
  }

  close(): void {
    this.#connection.destroy()
  }

  tick(nowMs: number): void {
    if (++this.#ticks % TICKS_PER_SECOND === 0) {
      this.#bytesPerSecond = this.#bytes
      this.#bytes = 0
    }
    const { silenceMs, heartbeatIntervalMs } = { ...this.#options, ...this.#dialect.rhythm }
    if (nowMs - this.#heardMs > silenceMs) {
      this.#world.log.warn(
        { slave: this.#address, silenceMs: nowMs - this.#heardMs },
        'a slave is silent: its link is closed',
      )
      this.close()
    } else if (this.ackOffset !== undefined && nowMs - this.#sentMs >= heartbeatIntervalMs) this.beat()
  }

  /** Says where this log is, and that the master is there. */
  beat(): void {
    this.#write([this.#dialect.header(this.#next, 0)])
  }

  #heard(chunk: Buffer): void {
    this.#heardMs = this.#world.clock.monotonicMs()
    try {
      const report = this.#dialect.feed(chunk, greeting => this.#write([greeting]))
      if (report !== undefined) this.#report(report)
    } catch (error) {
      this.#refuse((error as Error).message)
    }
  }

  #report(physicalOffset: number): void {
    const { log } = this.#options
    if (this.ackOffset === undefined) {
      // An empty slave gets everything; Apache's master would begin with its last file.
      this.#next = physicalOffset === 0 ? log.minPhysicalOffset : physicalOffset
      if (physicalOffset > log.maxPhysicalOffset) {
        this.#refuse(`it has the log up to ${physicalOffset}, and here it ends at ${log.maxPhysicalOffset}`)
        return
      }
      this.#world.log.info({ slave: this.#address, from: this.#next, end: log.committedOffset }, 'a slave follows')
    } else if (physicalOffset < this.ackOffset || physicalOffset > this.#next) {
      this.#refuse(
        `it reports offset ${physicalOffset}; allowed is ${this.ackOffset}, reported before, to ${this.#next}, sent so far`,
      )
      return
    }
    this.ackOffset = physicalOffset
    this.#options.onChange()
    this.pump()
  }

  #refuse(why: string): void {
    this.#world.log.error({ slave: this.#address }, `a replication link is closed: ${why}`)
    this.close()
  }

  /**
   * Hands over what there is, as far as the network takes it. With SYNC_FLUSH only what is synced: what a power cut takes from
   * the master must not stay with a slave, where other messages would come next.
   */
  pump(): void {
    if (this.#reading || this.ackOffset === undefined) return
    const { log } = this.#options
    const connection = this.#connection
    while (!this.#closed && connection.pendingBytes < WINDOW_BYTES && this.#next < this.#end()) {
      let stretch: LogStretch | Promise<LogStretch>
      try {
        stretch = log.readLog(
          this.#next,
          Math.min(this.#next + FRAME_BYTES, this.#end(), this.#dialect.endAt(this.#next)) - this.#next,
        )
      } catch (error) {
        this.#refuse((error as Error).message)
        return
      }
      if (stretch instanceof Promise) {
        this.#reading = true
        stretch.then(
          read => {
            this.#reading = false
            this.#send(read)
            this.pump()
          },
          error => {
            this.#reading = false
            this.#refuse(`reading the log failed: ${(error as Error).message}`)
          },
        )
        return
      }
      if (!this.#send(stretch)) return
    }
  }

  /** Where what may be sent ends. */
  #end(): number {
    return this.#options.log.durableOffset
  }

  #send(stretch: LogStretch): boolean {
    const bytes = stretch.end - stretch.start
    if (this.#closed || bytes === 0) {
      stretch.release()
      return false
    }
    this.#next = stretch.end
    this.#bytes += bytes
    this.#leased.push(stretch)
    this.#write([this.#dialect.header(stretch.start, bytes), ...stretch.slices])
    return true
  }

  #write(buffers: readonly Uint8Array[]): void {
    this.#sentMs = this.#world.clock.monotonicMs()
    this.#connection.write(buffers)
    if (this.#connection.pendingBytes === 0) this.#release()
  }

  #release(): void {
    for (const stretch of this.#leased.splice(0)) stretch.release()
  }
}
