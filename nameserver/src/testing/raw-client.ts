import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came back, as it stands in the frame. */
export interface RawAnswer {
  readonly code: number
  readonly remark?: string
  readonly ext: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface RawRequest {
  readonly ext?: Readonly<Record<string, string | number | boolean>>
  readonly body?: Uint8Array | string
  readonly version?: number
}

/** A client made of nothing but sockets and JSON, so that tests see the bytes that any client would. */
export class RawClient {
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: RawAnswer) => void>()
  #received = Buffer.alloc(0)
  #opaque = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('error', () => {})
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Sends a request with a JSON header and resolves with its answer; version 513 is V5_5_0. */
  ask(code: number, { ext = {}, body = '', version = 513 }: RawRequest = {}): Promise<RawAnswer> {
    const opaque = ++this.#opaque
    const extFields = Object.fromEntries(Object.entries(ext).map(([name, value]) => [name, String(value)]))
    const header = Buffer.from(JSON.stringify({ code, language: 'JAVA', version, opaque, flag: 0, extFields }))
    const bytes = Buffer.from(body)
    const frame = Buffer.alloc(8)
    frame.writeInt32BE(4 + header.length + bytes.length, 0)
    frame.writeInt32BE(header.length, 4)
    this.#socket.write(Buffer.concat([frame, header, bytes]))
    return new Promise(resolve => this.#waiting.set(opaque, resolve))
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return
    const closed = once(this.#socket, 'close')
    this.#socket.destroy()
    await closed
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, 'close')
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const length = this.#received.readInt32BE(0)
      if (this.#received.length < 4 + length) return
      const headerEnd = 8 + (this.#received.readInt32BE(4) & 0xffffff)
      const header = JSON.parse(this.#received.toString('utf8', 8, headerEnd))
      const body = this.#received.subarray(headerEnd, 4 + length)
      this.#waiting.get(header.opaque)?.({
        code: header.code,
        remark: header.remark,
        ext: header.extFields ?? {},
        body,
      })
      this.#waiting.delete(header.opaque)
      this.#received = this.#received.subarray(4 + length)
    }
  }
}
