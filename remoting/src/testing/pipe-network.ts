import { Buffer } from 'node:buffer'
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
} from '@rocketcluster/world'

export interface PipeOptions {
  /** Cuts what was written into the chunks that arrive; whole by default. */
  readonly cut?: (bytes: Buffer) => Buffer[]
  /** Bytes a paused reader's side takes before the writer's `pendingBytes` grow. */
  readonly windowBytes?: number
}

/** A network inside the process, for tests that want to decide how bytes arrive. */
export class PipeNetwork implements Network {
  readonly #listeners = new Map<number, ListenOptions>()
  readonly #options: PipeOptions
  #nextPort = 1

  constructor(options: PipeOptions = {}) {
    this.#options = options
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const port = options.port || 20_000 + this.#nextPort++
    if (this.#listeners.has(port)) throw new NetworkError('EADDRINUSE', `port ${port} is taken`)
    this.#listeners.set(port, options)
    return { host: options.host, port, updateTls() {}, close: async () => void this.#listeners.delete(port) }
  }

  async connect({ host, port }: ConnectOptions): Promise<Connection> {
    const listener = this.#listeners.get(port)
    if (!listener) throw new NetworkError('refused', `nobody listens on port ${port}`)
    const mine = `${host}:${50_000 + this.#nextPort++}`
    const near = new PipeEnd(mine, `${host}:${port}`, this.#options)
    const far = new PipeEnd(`${host}:${port}`, mine, this.#options)
    near.peer = far
    far.peer = near
    listener.onConnection(far)
    return near
  }

  async resolve(host: string): Promise<string[]> {
    return [host]
  }
}

class PipeEnd implements Connection {
  readonly encrypted = false
  readonly localAddress: string
  readonly remoteAddress: string
  onData: (chunk: Buffer) => void = () => {}
  onClose: (error?: Error) => void = () => {}
  onDrain: () => void = () => {}
  peer!: PipeEnd
  pendingBytes = 0
  readonly #options: PipeOptions
  #queue: Buffer[] = []
  #taken = 0
  #paused = false
  #closed = false
  #ending = false
  #pumping = false

  constructor(localAddress: string, remoteAddress: string, options: PipeOptions) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.#options = options
  }

  write(buffers: readonly Uint8Array[]): void {
    if (this.#closed || this.#ending) return
    const bytes = Buffer.concat(buffers)
    for (const chunk of this.#options.cut?.(bytes) ?? [bytes]) this.peer.#queue.push(chunk)
    this.#count()
    this.peer.#pump()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#pump()
  }

  end(): void {
    this.#ending = true
    this.peer.#pump()
  }

  destroy(): void {
    setImmediate(() => {
      this.#close()
      this.peer.#close()
    })
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.onClose()
  }

  #count(): void {
    const before = this.pendingBytes
    const queued = this.peer.#queue.reduce((sum, chunk) => sum + chunk.length, 0)
    this.pendingBytes = Math.max(0, queued - (this.#options.windowBytes ?? 64 * 1024))
    if (before > 0 && this.pendingBytes === 0) this.onDrain()
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      while (!this.#paused && !this.#closed) {
        const chunk = this.#queue.shift()
        if (!chunk) break
        this.#taken += chunk.length
        this.peer.#count()
        this.onData(chunk)
      }
      if (this.peer.#ending && this.#queue.length === 0) {
        this.#close()
        this.peer.#close()
      }
    })
  }
}
