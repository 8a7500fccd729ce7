import type { Socket } from 'node:net'
import type { Connection } from '../network.ts'
import { endpoint } from './network-error.ts'
import { type ProxyHeader, proxyHeader } from './proxy-protocol.ts'

const NOTHING = Buffer.alloc(0)
const ignore = () => {}

/** Several buffers that together are no larger go out as one copy: cheaper than a stream entry and an iovec for each. */
const COPY_LIMIT_BYTES = 16 * 1024
/** How long a peer may take to close its side after `end`. */
const LINGER_MS = 5_000
/** The first byte of a TLS handshake record. In a frame it would be a length of 369 MB. */
export const TLS_HANDSHAKE = 0x16

/** Who is really there when a proxy in front said so. */
export interface Endpoints {
  readonly source?: string
  readonly destination?: string
}

export interface NodeConnectionOptions {
  readonly encrypted: boolean
  readonly endpoints?: Endpoints
  /** The first bytes may still be a PROXY header, which is taken off; a TLS handshake there closes the connection. */
  readonly inspectStart?: boolean
}

/** A socket of Node as the port wants it. */
export class NodeConnection implements Connection {
  readonly encrypted: boolean
  remoteAddress: string
  localAddress: string
  onData: (chunk: Buffer) => void = ignore
  onClose: (error?: Error) => void = ignore
  onDrain: () => void = ignore
  readonly #socket: Socket
  #error: Error | undefined
  #start: Buffer | undefined
  #isHeaderBehind = false
  #paused = false
  #ended = false
  #waitsForDrain = false

  constructor(socket: Socket, { encrypted, endpoints, inspectStart = false }: NodeConnectionOptions) {
    this.#socket = socket
    this.encrypted = encrypted
    this.remoteAddress = endpoints?.source ?? endpoint(socket.remoteAddress ?? '0.0.0.0', socket.remotePort ?? 0)
    this.localAddress = endpoints?.destination ?? endpoint(socket.localAddress ?? '0.0.0.0', socket.localPort ?? 0)
    socket.on('error', error => (this.#error ??= error))
    socket.once('close', () => this.onClose(this.#error))
    // Whoever awaits `connect` sets its handlers in a later microtask; bytes that are already here have to wait for that.
    setImmediate(() => {
      if (socket.destroyed) return
      if (inspectStart) socket.on('data', this.#onStart)
      else this.#deliver()
      if (!this.#paused) socket.resume()
    })
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(buffers: readonly Uint8Array[]): void {
    const socket = this.#socket
    if (this.#ended || socket.destroyed || !socket.writable) return
    // What has to wait must not keep alive a slab that it is a sliver of.
    const waits = socket.writableLength > 0
    if (buffers.length === 1 && !(waits && buffers[0]!.length <= COPY_LIMIT_BYTES)) socket.write(buffers[0]!)
    else if (buffers.length > 0) {
      let bytes = 0
      for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length
      if (bytes <= COPY_LIMIT_BYTES)
        socket.write(joined(buffers, waits ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes)))
      else {
        socket.cork()
        for (let i = 0; i < buffers.length; i++) socket.write(buffers[i]!)
        socket.uncork()
      }
    }
    // Node's own `drain` comes only above the high-water mark. An empty write is called back when all before it is out.
    if (!this.#waitsForDrain && socket.writableLength > 0) {
      this.#waitsForDrain = true
      socket.write(NOTHING, this.#onWritten)
    }
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#socket.listenerCount('data') > 0) this.#socket.resume()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const socket = this.#socket
    socket.end()
    // Closing at once would reset the connection when bytes of the peer lie unread, and take our last answer with it.
    const linger = () => {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
      socket.once('close', () => clearTimeout(timer))
    }
    if (socket.writableFinished) linger()
    else socket.once('finish', linger)
  }

  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #deliver(): void {
    this.#socket.on('data', chunk => this.onData(chunk as Buffer))
  }

  readonly #onStart = (chunk: Buffer) => {
    let start = (this.#start = this.#start ? Buffer.concat([this.#start, chunk]) : chunk)
    const header: ProxyHeader = this.#isHeaderBehind ? { kind: 'none' } : proxyHeader(start)
    if (header.kind === 'more') return
    if (header.kind === 'header') {
      this.#isHeaderBehind = true
      this.remoteAddress = header.source ?? this.remoteAddress
      this.localAddress = header.destination ?? this.localAddress
      start = this.#start = start.subarray(header.length)
      if (start.length === 0) return // what comes next may still be a handshake
    }
    this.#start = undefined
    if (header.kind === 'broken') {
      this.#socket.destroy(new Error(header.reason))
      return
    }
    if (start[0] === TLS_HANDSHAKE) {
      this.#socket.destroy(new Error('TLS handshake on a plain port'))
      return
    }
    this.#socket.removeListener('data', this.#onStart)
    this.#deliver()
    this.onData(start)
  }

  readonly #onWritten = (error?: Error | null) => {
    this.#waitsForDrain = false
    if (error || this.#socket.destroyed) return
    if (this.#socket.writableLength === 0) this.onDrain()
    else if (!this.#ended) {
      this.#waitsForDrain = true
      this.#socket.write(NOTHING, this.#onWritten)
    }
  }
}

function joined(buffers: readonly Uint8Array[], whole: Buffer): Buffer {
  let at = 0
  for (let i = 0; i < buffers.length; i++) {
    whole.set(buffers[i]!, at)
    at += buffers[i]!.length
  }
  return whole
}
