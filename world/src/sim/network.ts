import { crc32 } from 'node:zlib'
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
  type TlsServerOptions,
} from '../network.ts'
import type { SimRandom } from './random.ts'
import type { Scheduler, SimProcess } from './scheduler.ts'

/** A machine on the network. */
export interface NetworkHost {
  readonly name: string
  readonly address: string
  /** Absent while the machine is without power. Its kernel answers only when present. */
  process: SimProcess | undefined
}

export interface NetworkTiming {
  /** One way, in virtual milliseconds: uniform between the two. */
  readonly delayMs: readonly [least: number, most: number]
  /** After how long a sender whose bytes nobody acknowledges gives up with ETIMEDOUT. */
  readonly retransmitTimeoutMs: number
}

export const DEFAULT_NETWORK_TIMING: NetworkTiming = { delayMs: [0.05, 1], retransmitTimeoutMs: 60_000 }

/** What both kernels together hold of one direction of a connection before `pendingBytes` grows. */
const WINDOW_BYTES = 256 * 1024
const LARGEST_CHUNK_BYTES = 64 * 1024
const RETRANSMIT_MS = 200
const LINGER_MS = 5_000
const LOOPBACK_DELAY_MS = 0.02

const ignore = () => {}

function failure(code: 'ECONNRESET' | 'ETIMEDOUT' | 'EPIPE', what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}

/** All hosts, and what is wrong between them. Hosts are named by name; faults go both ways unless it says one way. */
export class SimNetwork {
  readonly #scheduler: Scheduler
  readonly random: SimRandom
  readonly timing: NetworkTiming
  readonly hosts = new Map<string, NetworkHost>()
  readonly listeners = new Map<string, SimListener>()
  readonly connections = new Set<SimConnection>()
  /** `from>to` pairs which no packet passes. */
  readonly #blocked = new Set<string>()
  readonly #speeds = new Map<string, number>()
  #delayFactor = 1
  #ports = 40_000

  constructor(scheduler: Scheduler, random: SimRandom, timing: NetworkTiming) {
    this.#scheduler = scheduler
    this.random = random
    this.timing = timing
  }

  // Faults

  /** No packet passes between the two until `heal`. With `oneWay` only those from `a` to `b` vanish. */
  partition(a: string, b: string, { oneWay = false } = {}): void {
    this.#known(a, b)
    this.#blocked.add(`${a}>${b}`)
    if (!oneWay) this.#blocked.add(`${b}>${a}`)
  }

  /** Cuts one host off from all others. */
  isolate(name: string): void {
    this.#known(name)
    for (const other of this.hosts.keys()) if (other !== name) this.partition(name, other)
  }

  /** Ends partitions: between two hosts, of one host, or all. Bytes that waited arrive if their sender has not given up. */
  heal(a?: string, b?: string): void {
    for (const pair of [...this.#blocked]) {
      const ends = pair.split('>')
      if ((a === undefined || ends.includes(a)) && (b === undefined || ends.includes(b))) this.#blocked.delete(pair)
    }
  }

  /** Resets every connection between the two; new ones may be made. */
  cut(a: string, b: string): void {
    for (const connection of this.between(a, b)) connection.fail(failure('ECONNRESET', 'cut'))
  }

  /** From here on nothing arrives on the connections that exist, and neither side is told: a router lost its table. */
  silence(a: string, b: string): void {
    for (const connection of this.between(a, b)) connection.silent = true
  }

  /** Connections that exist stall, and after `stallMs` both sides see a reset. */
  drop(a: string, b: string, stallMs: number): void {
    const stalled = this.between(a, b)
    for (const connection of stalled) connection.silent = true
    this.#scheduler.schedule(`drop ${a} ${b}`, stallMs, () => {
      for (const connection of stalled) connection.fail(failure('ECONNRESET', 'dropped'))
    })
  }

  /** The host takes in no more than this per second from each connection; undefined ends it. */
  slow(name: string, bytesPerSecond: number | undefined): void {
    this.#known(name)
    if (bytesPerSecond === undefined) this.#speeds.delete(name)
    else this.#speeds.set(name, bytesPerSecond / 1000)
  }

  /** Multiplies all delays; 1 is normal. */
  congest(factor: number): void {
    this.#delayFactor = factor
  }

  // What connections ask

  between(a: string, b: string): SimConnection[] {
    this.#known(a, b)
    return [...this.connections].filter(
      ({ host, peer }) => (host.name === a && peer.host.name === b) || (host.name === b && peer.host.name === a),
    )
  }

  passes(from: NetworkHost, to: NetworkHost): boolean {
    return to.process !== undefined && from.process !== undefined && !this.#blocked.has(`${from.name}>${to.name}`)
  }

  delay(from: NetworkHost, to: NetworkHost): number {
    if (from === to) return LOOPBACK_DELAY_MS
    return this.random.between(...this.timing.delayMs) * this.#delayFactor
  }

  /** Bytes a millisecond. */
  speedOf(host: NetworkHost): number {
    return this.#speeds.get(host.name) ?? Number.POSITIVE_INFINITY
  }

  schedule(label: string, delayMs: number, run: () => void) {
    return this.#scheduler.schedule(label, delayMs, run)
  }

  nowMs(): number {
    return this.#scheduler.nowMs
  }

  note(bytes: Uint8Array): void {
    this.#scheduler.note(crc32(bytes))
  }

  freePort(): number {
    this.#ports = this.#ports === 65_535 ? 40_000 : this.#ports + 1
    return this.#ports
  }

  findHost(host: string, from: NetworkHost): NetworkHost | undefined {
    if (host === 'localhost' || host.startsWith('127.') || host === '::1' || host === '[::1]') return from
    for (const each of this.hosts.values()) if (each.name === host || each.address === host) return each
    return undefined
  }

  /** The network as the programs of one host see it. */
  at(host: NetworkHost, process: SimProcess): Network {
    process.atDeath.push(() => {
      for (const listener of [...this.listeners.values()]) if (listener.process === process) listener.stop()
      for (const connection of [...this.connections]) if (connection.process === process) connection.processDied()
    })
    return {
      listen: options => this.#listen(host, process, options),
      connect: options => this.#connect(host, process, options),
      resolve: async name => {
        if (isAddress(name)) return [name]
        const found = this.findHost(name, host)
        if (!found) throw new NetworkError('unresolved', `resolve ${name}: ENOTFOUND`)
        return [found === host && name === 'localhost' ? '127.0.0.1' : found.address]
      },
    }
  }

  async #listen(host: NetworkHost, process: SimProcess, options: ListenOptions): Promise<Listener> {
    const isAny = options.host === '0.0.0.0' || options.host === '::'
    if (!isAny && this.findHost(options.host, host) !== host) {
      throw new NetworkError('EADDRNOTAVAIL', `listen on ${options.host}:${options.port}: EADDRNOTAVAIL`)
    }
    checkTls(options.tls)
    let { port } = options
    while (port === 0 || (options.port === 0 && this.listeners.has(`${host.name}:${port}`))) port = this.freePort()
    const key = `${host.name}:${port}`
    if (this.listeners.has(key)) throw new NetworkError('EADDRINUSE', `listen on ${options.host}:${port}: EADDRINUSE`)
    const listener = new SimListener(this, key, process, options, port)
    this.listeners.set(key, listener)
    return listener
  }

  #connect(
    host: NetworkHost,
    process: SimProcess,
    { host: to, port, timeoutMs, tls }: ConnectOptions,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (!process.alive) return
      const refuse = (code: 'refused' | 'timeout' | 'unreachable' | 'unresolved' | 'tls', why: string) =>
        reject(new NetworkError(code, `connect to ${to}:${port}: ${why}`))
      const target = this.findHost(to, host)
      if (!target && !isAddress(to)) {
        process.schedule(`resolve ${to}`, this.delay(host, host), () => refuse('unresolved', 'ENOTFOUND'))
        return
      }
      const timeOut = process.schedule(`connect time-out ${to}:${port}`, timeoutMs, () => {
        answered = true
        refuse('timeout', `no answer in ${timeoutMs} ms`)
      })
      let answered = false
      const answer = (run: () => void) => {
        // The way back.
        process.schedule(`connect answer ${to}:${port}`, this.delay(target!, host), () => {
          if (answered || (host !== target && !this.passes(target!, host))) return
          answered = true
          timeOut.cancel()
          run()
        })
      }
      const attempt = () => {
        if (answered || !target || !process.alive) return
        if (host !== target && !this.passes(host, target)) {
          this.schedule(`connect again ${host.name} ${to}:${port}`, 1000, attempt) // the kernel sends its SYN again
          return
        }
        const listener = this.listeners.get(`${target.name}:${port}`)
        if (!listener?.process.alive || !listener.hears(to)) {
          answer(() => refuse('refused', 'ECONNREFUSED'))
          return
        }
        if (!target.process) return
        const refusal = listener.refusalOf(tls !== undefined)
        if (refusal) {
          answer(() => refuse('tls', refusal))
          return
        }
        const local = host === target && target.address !== to ? '127.0.0.1' : host.address
        const remote = host === target && target.address !== to ? '127.0.0.1' : target.address
        const near = new SimConnection(this, host, process, `${local}:${this.freePort()}`, `${remote}:${port}`, !!tls)
        const far = new SimConnection(this, target, listener.process, near.remoteAddress, near.localAddress, !!tls)
        near.peer = far
        far.peer = near
        this.connections.add(near)
        this.connections.add(far)
        answer(() => {
          resolve(near)
          near.handOut()
        })
        far.isHandedOut = true
        listener.onConnection(far)
        // Whoever gave up meanwhile closes what was made behind its back.
        if (answered) near.destroy()
        else {
          this.schedule(`connect ${host.name} gave up`, timeoutMs, () => {
            if (!near.isHandedOut) near.destroy()
          })
        }
      }
      this.schedule(`connect ${host.name} ${to}:${port}`, target ? this.delay(host, target) : 0, attempt)
    })
  }

  #known(...names: string[]): void {
    for (const name of names) {
      if (!this.hosts.has(name)) {
        throw new Error(`no host ${name}; there is ${[...this.hosts.keys()].join(', ')}`)
      }
    }
  }
}

const isAddress = (text: string) => /^[\d.]+$/.test(text) || text.includes(':')

function checkTls(tls: TlsServerOptions | undefined): void {
  if (tls && tls.mode !== 'disabled' && (tls.certificate === undefined || tls.key === undefined)) {
    throw new NetworkError('tls', `tls mode ${tls.mode} needs both certificate and key`)
  }
}

/** TLS is only a label here: who would be refused is, and nothing is encrypted. */
class SimListener implements Listener {
  readonly host: string
  readonly port: number
  readonly process: SimProcess
  readonly onConnection: (connection: Connection) => void
  readonly #network: SimNetwork
  readonly #key: string
  #tls: TlsServerOptions | undefined

  constructor(network: SimNetwork, key: string, process: SimProcess, options: ListenOptions, port: number) {
    this.#network = network
    this.#key = key
    this.process = process
    this.host = options.host
    this.port = port
    this.onConnection = options.onConnection
    this.#tls = options.tls
  }

  /** Whether it is bound to the address that a client asks for. */
  hears(address: string): boolean {
    const isLoopback = (text: string) => text === 'localhost' || text.startsWith('127.') || text.includes('::1')
    if (this.host === '0.0.0.0' || this.host === '::') return true
    return isLoopback(this.host) === isLoopback(address)
  }

  refusalOf(speaksTls: boolean): string | undefined {
    const mode = this.#tls?.mode ?? 'disabled'
    if (speaksTls && mode === 'disabled') return 'the server closed the connection in the TLS handshake'
    return undefined
  }

  updateTls(options: TlsServerOptions): void {
    checkTls(options)
    this.#tls = options
  }

  stop(): void {
    if (this.#network.listeners.get(this.#key) === this) this.#network.listeners.delete(this.#key)
  }

  async close(): Promise<void> {
    this.stop()
  }
}

type Packet =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; arrivesMs: number }
  | { readonly kind: 'end' | 'reset'; readonly bytes?: undefined; arrivesMs: number }

/** One side of a connection, with the way of its bytes to the other side. */
class SimConnection implements Connection {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly encrypted: boolean
  onData: (chunk: Buffer) => void = ignore
  onClose: (error?: Error) => void = ignore
  onDrain: () => void = ignore
  readonly host: NetworkHost
  readonly process: SimProcess
  peer!: SimConnection
  pendingBytes = 0
  isHandedOut = false
  /** Nothing that this side or the other sends arrives any more. */
  silent = false
  readonly #network: SimNetwork
  /** Not taken by the system yet; the first buffer from `#taken` on. */
  #pending: Uint8Array[] = []
  #taken = 0
  /** On the way to the peer, or waiting there because it does not read. */
  #onTheWay: Packet[] = []
  #onTheWayBytes = 0
  #flying = false
  #stalledSinceMs: number | undefined
  #hadPending = false
  #paused = false
  #ended = false
  #endSent = false
  #endReceived = false
  #closed = false
  #closedEarly: { readonly error: Error | undefined } | undefined

  constructor(
    network: SimNetwork,
    host: NetworkHost,
    process: SimProcess,
    localAddress: string,
    remoteAddress: string,
    encrypted: boolean,
  ) {
    this.#network = network
    this.host = host
    this.process = process
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.encrypted = encrypted
  }

  write(buffers: readonly Uint8Array[]): void {
    if (this.#closed || this.#ended || !this.process.alive) return
    for (const buffer of buffers) {
      if (buffer.length === 0) continue
      this.#pending.push(buffer)
      this.pendingBytes += buffer.length
    }
    this.#pump()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.peer.#fly()
  }

  end(): void {
    if (this.#ended || this.#closed || !this.process.alive) return
    this.#ended = true
    this.#pump()
    this.#network.schedule(`${this.host.name} linger`, LINGER_MS, () => {
      if (this.#endSent) this.#close()
    })
  }

  destroy(): void {
    if (this.#closed || !this.process.alive) return
    this.#hangUp()
    this.#close()
  }

  /** The kernel closes the sockets of a process that is gone: the peer sees a reset. */
  processDied(): void {
    if (this.#closed) return
    this.#onTheWay = []
    this.#onTheWayBytes = 0
    if (this.host.process !== undefined) this.#send({ kind: 'reset', arrivesMs: 0 })
    this.#closed = true
    this.#network.connections.delete(this)
  }

  /** Both sides are told at once that the connection is broken. */
  fail(error: Error): void {
    this.#close(error)
    this.peer.#close(error)
  }

  /** What was taken still arrives; unread bytes of the peer turn the end into a reset, as TCP does. */
  #hangUp(): void {
    this.#pending = []
    this.pendingBytes = 0
    this.#hadPending = false
    if (!this.#endSent)
      this.#send({ kind: this.peer.#onTheWay.some(({ bytes }) => bytes) ? 'reset' : 'end', arrivesMs: 0 })
    this.#endSent = true
  }

  #close(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    this.#pending = []
    this.pendingBytes = 0
    this.#network.connections.delete(this)
    if (this.isHandedOut) this.#tellClosed(error)
    else this.#closedEarly = { error }
  }

  #tellClosed(error: Error | undefined): void {
    this.process.schedule(`close ${this.localAddress}`, 0, () => this.onClose(error))
  }

  /** Whoever asked for the connection has it now. It may have been reset on the way: that is told then, not before. */
  handOut(): void {
    this.isHandedOut = true
    if (this.#closedEarly) this.#tellClosed(this.#closedEarly.error)
  }

  /** Moves pending bytes into the window, in chunks that need not be those of the writer. */
  #pump(): void {
    const { random } = this.#network
    while (this.pendingBytes > 0) {
      const free = WINDOW_BYTES - this.#onTheWayBytes
      // A window that is nearly full waits, else tiny holes would be filled by tiny chunks for ever (RFC 813).
      if (free < Math.min(this.pendingBytes, LARGEST_CHUNK_BYTES)) break
      const room = Math.min(this.pendingBytes, LARGEST_CHUNK_BYTES)
      this.#send({ kind: 'bytes', bytes: this.#take(random.chance(0.3) ? 1 + random.int(room) : room), arrivesMs: 0 })
    }
    if (this.pendingBytes > 0) this.#hadPending = true
    else {
      if (this.#hadPending) {
        this.#hadPending = false
        this.process.schedule(`drain ${this.localAddress}`, 0, () => {
          if (!this.#closed && this.pendingBytes === 0) this.onDrain()
        })
      }
      if (this.#ended && !this.#endSent) {
        this.#endSent = true
        this.#send({ kind: 'end', arrivesMs: 0 })
      }
    }
  }

  #take(bytes: number): Buffer {
    const chunk = Buffer.allocUnsafeSlow(bytes)
    let done = 0
    let used = 0
    while (done < bytes) {
      const first = this.#pending[used]!
      const count = Math.min(first.length - this.#taken, bytes - done)
      chunk.set(first.subarray(this.#taken, this.#taken + count), done)
      done += count
      this.#taken += count
      if (this.#taken === first.length) {
        used++
        this.#taken = 0
      }
    }
    this.#pending.splice(0, used)
    this.pendingBytes -= bytes
    return chunk
  }

  #send(packet: Packet): void {
    const last = this.#onTheWay.at(-1)
    packet.arrivesMs = Math.max(
      last?.arrivesMs ?? 0,
      this.#network.nowMs() + this.#network.delay(this.host, this.peer.host),
    )
    this.#onTheWay.push(packet)
    this.#onTheWayBytes += packet.bytes?.length ?? 0
    this.#fly()
  }

  /** One event a direction is enough: for the packet in front, so nothing overtakes. */
  #fly(): void {
    const packet = this.#onTheWay[0]
    if (this.#flying || !packet) return
    this.#flying = true
    this.#network.schedule(
      `${this.localAddress}>${this.remoteAddress} ${packet.kind} ${packet.bytes?.length ?? 0}`,
      packet.arrivesMs - this.#network.nowMs(),
      () => {
        this.#flying = false
        this.#arrive()
      },
    )
  }

  #arrive(): void {
    const { peer } = this
    const packet = this.#onTheWay[0]
    if (!packet) return
    if (peer.#closed) {
      this.#refused()
      return
    }
    if (this.silent || peer.silent || (this.host !== peer.host && !this.#network.passes(this.host, peer.host))) {
      this.#stall(packet)
      return
    }
    this.#stalledSinceMs = undefined
    if (packet.kind === 'reset') {
      this.#onTheWay = []
      peer.#close(failure('ECONNRESET', 'read'))
      return
    }
    // A side that does not read does not see the end either; and nobody has the connection before it was answered.
    if (peer.#paused) return
    if (!peer.isHandedOut) {
      packet.arrivesMs = this.#network.nowMs() + LOOPBACK_DELAY_MS
      this.#fly()
      return
    }
    this.#onTheWay.shift()
    if (packet.kind === 'bytes') {
      this.#onTheWayBytes -= packet.bytes.length
      const next = this.#onTheWay[0]
      const busyMs = packet.bytes.length / this.#network.speedOf(peer.host)
      if (next) next.arrivesMs = Math.max(next.arrivesMs, this.#network.nowMs() + busyMs)
      this.#network.note(packet.bytes)
      peer.onData(packet.bytes)
      this.#pump()
      this.#fly()
    } else peer.#onEnd()
  }

  #onEnd(): void {
    this.#endReceived = true
    if (this.#endSent) this.#close()
    else {
      // Nobody keeps a half-closed connection here, as node:net does not: what is pending goes out, then it closes.
      this.#ended = true
      this.#pump()
      this.#closeWhenSent()
    }
  }

  #closeWhenSent(): void {
    if (this.#endSent) this.#close()
    else this.#network.schedule(`${this.host.name} flush`, 1, () => !this.#closed && this.#closeWhenSent())
  }

  /** The other side is closed. Its kernel, if there is one, answers bytes with a reset; an end needs no answer. */
  #refused(): void {
    const isEnd = this.#onTheWay.every(({ kind }) => kind !== 'bytes')
    if (!this.#network.passes(this.host, this.peer.host)) {
      this.#stall(this.#onTheWay[0]!)
      return
    }
    this.#onTheWay = []
    this.#onTheWayBytes = 0
    if (this.#closed || this.#endReceived) return
    this.#network.schedule(`reset ${this.localAddress}`, this.#network.delay(this.peer.host, this.host), () => {
      this.#close(isEnd ? undefined : failure('ECONNRESET', 'write'))
    })
  }

  #stall(packet: Packet): void {
    if (this.#closed) return
    const now = this.#network.nowMs()
    this.#stalledSinceMs ??= now
    if (now - this.#stalledSinceMs >= this.#network.timing.retransmitTimeoutMs) {
      this.#onTheWay = []
      this.#close(failure('ETIMEDOUT', 'write'))
      return
    }
    packet.arrivesMs = now + RETRANSMIT_MS
    this.#fly()
  }
}
