import { ResponseError } from '@rocketcluster/protocol'
import { parseAddress } from '@rocketcluster/remoting/internal'
import type { Connection, World } from '@rocketcluster/world'
import type { ReplicatedLog } from '../replicated-log.ts'
import { ClassicMasterDialect } from './classic-master-dialect.ts'
import type { LinkToMaster, MasterDialect } from './master-dialect.ts'
import { RecordAssembler, type RecordRun } from './record-assembler.ts'

const CONNECT_TIMEOUT_MS = 3000
/** Between two attempts; Apache's slave waits 5 s (DefaultHAClient.java). */
const RETRY_MS = 500
/** After a refusal that does not go away by itself. */
const REFUSED_RETRY_MS = 5000
const TICK_MS = 250
/** How long a log is given to take to the disk what it has. */
const SETTLE_MS = 10

/** Where the master's log begins and ends. */
export interface MasterLog {
  readonly minOffset: number
  readonly maxOffset: number
}

export interface LinkClientOptions {
  readonly log: ReplicatedLog
  /** `host:port` of the master's links; undefined while nobody knows. */
  readonly masterHaAddress: () => string | undefined
  /** Asks the master where its log begins and ends. Rejects when it does not answer. */
  readonly masterLog: () => Promise<MasterLog>
  /** haSendHeartbeatInterval, milliseconds. */
  readonly heartbeatIntervalMs: number
  /** haHousekeepingInterval, milliseconds. */
  readonly silenceMs: number
  /**
   * The master's log begins behind the end of this one: what lies between is gone, and everything here has to be taken over
   * anew from `minOffset` on. Called once; nothing is done afterwards.
   */
  readonly onTooFarBehind: (minOffset: number) => void
  /** How the master is spoken to, asked before each connection when the log has settled; classic without. */
  readonly dialect?: () => MasterDialect
  /** Between two attempts, milliseconds; 500 without. */
  readonly retryMs?: number
  /** The link is gone; another one is tried. */
  readonly onDisconnect?: () => void
}

/** What a slave knows of its link. Times are wall times in milliseconds, 0: never. */
export interface ClientView {
  readonly masterAddress: string
  readonly connected: boolean
  readonly lastReadTimestamp: number
  readonly lastWriteTimestamp: number
  readonly bytesPerSecond: number
}

/**
 * Keeps a slave's log what its master's is: says where it ends, takes over what comes, and says so as soon as it has it.
 *
 * Over a classic link (DefaultHAClient.java) a slave with nothing gets the whole log, from Apache's masters too. They take a first report of 0 for "only your last file",
 * so it says 1 where the log begins at 0: the byte before is the highest of the first record's length, which is 0.
 */
export class LinkClient {
  readonly #world: World
  readonly #options: LinkClientOptions
  #stopped = true
  #running: Promise<void> = Promise.resolve()
  #sleep = new AbortController()
  #link: MasterLink | undefined
  #said = ''
  #lastReadTimestamp = 0
  #lastWriteTimestamp = 0

  constructor(world: World, options: LinkClientOptions) {
    this.#world = world
    this.#options = options
  }

  get view(): ClientView {
    return {
      masterAddress: this.#options.masterHaAddress() ?? '',
      connected: this.#link !== undefined,
      lastReadTimestamp: this.#link?.lastReadTimestamp ?? this.#lastReadTimestamp,
      lastWriteTimestamp: this.#link?.lastWriteTimestamp ?? this.#lastWriteTimestamp,
      bytesPerSecond: this.#link?.bytesPerSecond ?? 0,
    }
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#sleep = new AbortController()
    this.#running = this.#run()
  }

  /** Resolves when nothing more is taken over. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#sleep.abort()
    this.#link?.close('this slave stops')
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopped) await this.#wait(await this.#once())
  }

  async #wait(ms: number): Promise<void> {
    await this.#world.clock.sleep(ms, this.#sleep.signal).catch(() => {})
  }

  /** One connection from its beginning to its end. Returns after how many milliseconds to try again; never rejects. */
  async #once(): Promise<number> {
    const { retryMs = RETRY_MS } = this.#options
    const address = this.#options.masterHaAddress()
    if (address === undefined) return retryMs
    try {
      const dialect = await this.#dialect()
      if (dialect === undefined || this.#stopped) return retryMs
      const { host, port } = parseAddress(address)
      const connection = await this.#world.network.connect({ host, port, timeoutMs: CONNECT_TIMEOUT_MS })
      const link = new MasterLink(this.#world, connection, this.#options, dialect)
      this.#link = link
      if (this.#stopped) link.close('this slave stops')
      this.#say('', address)
      const why = await link.ended
      this.#lastReadTimestamp = link.lastReadTimestamp
      this.#lastWriteTimestamp = link.lastWriteTimestamp
      this.#link = undefined
      this.#options.onDisconnect?.()
      if (!this.#stopped) this.#say(why.message, address)
      return why.refused ? REFUSED_RETRY_MS : retryMs
    } catch (error) {
      this.#say((error as Error).message, address)
      return retryMs
    }
  }

  /** Said once until it is something else. */
  #say(message: string, master: string): void {
    if (message === this.#said) return
    this.#said = message
    if (message === '') this.#world.log.info({ master }, 'this slave follows its master')
    else this.#world.log.warn({ master }, `this slave does not follow its master: ${message}`)
  }

  /** Undefined when there is no going on. */
  async #dialect(): Promise<MasterDialect | undefined> {
    while (!this.#settled()) {
      if (this.#stopped) return undefined
      await this.#wait(SETTLE_MS)
    }
    const { dialect } = this.#options
    if (dialect !== undefined) return dialect()
    const assembler = await this.#beginning()
    return assembler && new ClassicMasterDialect(assembler)
  }

  /** Where to go on; undefined when it cannot. */
  async #beginning(): Promise<RecordAssembler | undefined> {
    const { log, masterLog, onTooFarBehind } = this.#options
    const end = log.maxPhysicalOffset
    const { minOffset, maxOffset } = await masterLog()
    if (end === 0 && log.minPhysicalOffset === 0) {
      if (minOffset > 0) {
        log.startAt(minOffset)
        return new RecordAssembler(minOffset)
      }
      // See above. Of an empty log 0 asks for all that will come; should a file end before the report arrives, the frame tells.
      return maxOffset === 0 ? new RecordAssembler(0) : new RecordAssembler(0, Buffer.alloc(1))
    }
    if (minOffset > end) {
      this.#stopped = true
      onTooFarBehind(minOffset)
      return undefined
    }
    if (end > maxOffset)
      throw new Error(
        `its log ends at ${maxOffset}, this one at ${end}: it is not this slave's master, or it has lost messages. Empty this slave's store to make it follow`,
      )
    return new RecordAssembler(end)
  }

  /** Everything that has a place here is safe here. */
  #settled(): boolean {
    const { log } = this.#options
    return log.settled && log.durableOffset >= log.committedOffset
  }
}

interface Ended {
  readonly message: string
  /** The master, or what it sent, was refused: that does not go away by itself. */
  readonly refused: boolean
}

/** One connection to the master. */
class MasterLink implements LinkToMaster {
  readonly #world: World
  readonly #connection: Connection
  readonly #options: LinkClientOptions
  readonly #dialect: MasterDialect
  readonly #waiting: RecordRun[] = []
  readonly ended: Promise<Ended>
  #assembler: RecordAssembler | undefined
  #end!: (why: Ended) => void
  #why: Ended | undefined
  /** Up to where the master was told that this log goes. */
  #reported = -1
  /** What has to happen before more is taken over and reported. */
  #holds = 0
  lastReadTimestamp = 0
  lastWriteTimestamp = 0
  bytesPerSecond = 0
  #bytes = 0
  #heardMs: number
  #writtenMs = 0
  #ticks = 0

  constructor(world: World, connection: Connection, options: LinkClientOptions, dialect: MasterDialect) {
    this.#world = world
    this.#connection = connection
    this.#options = options
    this.#dialect = dialect
    this.#heardMs = world.clock.monotonicMs()
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    const timer = world.clock.setInterval(() => this.#tick(), TICK_MS)
    const unlisten = options.log.addAdvanceListener(() => this.#advanced())
    connection.onData = chunk => this.#heard(chunk)
    connection.onClose = error => {
      timer.cancel()
      unlisten()
      this.#end(this.#why ?? { message: error?.message ?? 'the master closed the link', refused: false })
    }
    dialect.open(this)
  }

  close(message: string, refused = false): void {
    this.#why ??= { message, refused }
    this.#connection.destroy()
  }

  get isOpen(): boolean {
    return this.#why === undefined
  }

  write(bytes: Uint8Array): void {
    this.#writtenMs = this.#world.clock.monotonicMs()
    this.lastWriteTimestamp = this.#world.clock.now()
    this.#connection.write([bytes])
  }

  begin(assembler: RecordAssembler): void {
    this.#assembler = assembler
    this.#reported = assembler.expects
    this.#report()
  }

  frame(physicalOffset: number, bodyBytes: number): void {
    const expects = this.#assembler?.expects
    if (bodyBytes > 0 && physicalOffset !== expects)
      throw new RangeError(`a frame at ${physicalOffset}, where ${expects ?? 'nothing'} comes next`)
  }

  body(bytes: Buffer): void {
    this.#waiting.push(...this.#assembler!.feed(bytes))
  }

  hold(until: Promise<void>): void {
    this.#holds++
    until.then(
      () => {
        this.#holds--
        this.#takeOver()
        this.#advanced()
      },
      error => this.close((error as Error).message),
    )
  }

  /** Says again how far this log goes. */
  answerBeat(): void {
    if (this.#reported >= 0) this.#report()
  }

  #tick(): void {
    const now = this.#world.clock.monotonicMs()
    if (++this.#ticks % (1000 / TICK_MS) === 0) {
      this.bytesPerSecond = this.#bytes
      this.#bytes = 0
    }
    if (this.#waiting.length > 0) {
      // A paused link hears nothing: that is not the master's silence.
      this.#heardMs = now
      this.#takeOver()
    }
    const { heartbeatIntervalMs, silenceMs } = { ...this.#options, ...this.#dialect.rhythm }
    if (now - this.#heardMs > silenceMs) this.close(`the master was silent for ${now - this.#heardMs} ms`)
    else if (this.#reported >= 0 && now - this.#writtenMs >= heartbeatIntervalMs) this.#report()
  }

  #report(): void {
    const report = this.#dialect.report(this.#reported)
    if (report !== undefined) this.write(report)
  }

  #heard(chunk: Buffer): void {
    this.#heardMs = this.#world.clock.monotonicMs()
    this.lastReadTimestamp = this.#world.clock.now()
    this.#bytes += chunk.length
    try {
      this.#dialect.feed(chunk, this)
    } catch (error) {
      this.close(`the master sent what is none of its log: ${(error as Error).message}`, true)
      return
    }
    this.#takeOver()
  }

  /** Whole records go into the log; when it cannot take them now, the master waits. */
  #takeOver(): void {
    const { log } = this.#options
    if (this.#holds > 0) {
      this.#connection.pause()
      return
    }
    try {
      for (let run = this.#waiting[0]; run !== undefined && this.isOpen; run = this.#waiting[0]) {
        log.appendReplicated(run.start, run.records)
        this.#waiting.shift()
      }
      this.#connection.resume()
    } catch (error) {
      if (!(error instanceof ResponseError)) this.close((error as Error).message, true)
      else if (error.status === 'SYSTEM_BUSY') this.#connection.pause()
      else this.close(error.message, true)
    }
  }

  #advanced(): void {
    if (this.#waiting.length > 0) this.#takeOver()
    const has = this.#options.log.durableOffset
    if (this.#reported < 0 || has <= this.#reported || this.#why !== undefined || this.#holds > 0) return
    this.#reported = has
    this.#report()
  }
}
