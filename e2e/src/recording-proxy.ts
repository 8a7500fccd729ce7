import { connect, createServer, type Server, type Socket } from 'node:net'

/** One remoting command as it was on the wire, its length word included. */
export interface RecordedFrame {
  readonly bytes: Buffer
  readonly code: number
  readonly opaque: number
  readonly isResponse: boolean
  readonly serialize: 'JSON' | 'ROCKETMQ'
  readonly body: Buffer
}

/** A request and what was answered; one-way requests have no response. */
export interface Exchange {
  readonly request: RecordedFrame
  response?: RecordedFrame
}

/** Reads what is needed to pair frames, by the two header formats (RemotingCommand.java, RocketMQSerializable.java). */
export function readFrame(bytes: Buffer): RecordedFrame {
  const word = bytes.readUInt32BE(4)
  const headerEnd = 8 + (word & 0xffffff)
  const body = bytes.subarray(headerEnd)
  if (word >>> 24 === 0) {
    const { code, opaque, flag } = JSON.parse(bytes.toString('utf8', 8, headerEnd))
    return { bytes, code, opaque, isResponse: (flag & 1) === 1, serialize: 'JSON', body }
  }
  const flag = bytes.readInt32BE(17)
  return {
    bytes,
    code: bytes.readInt16BE(8),
    opaque: bytes.readInt32BE(13),
    isResponse: (flag & 1) === 1,
    serialize: 'ROCKETMQ',
    body,
  }
}

/** Cuts a stream of bytes into frames. */
function frames(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0)
  return chunk => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4) {
      const end = 4 + held.readInt32BE(0)
      if (held.length < end) return
      onFrame(Buffer.from(held.subarray(0, end)))
      held = held.subarray(end)
    }
  }
}

/**
 * Passes connections on from one address to another, unchanged, and keeps every request with its answer, in both
 * directions: a broker also asks its clients.
 */
export class RecordingProxy {
  readonly exchanges: Exchange[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(target: { host: string; port: number }) {
    this.#server = createServer(client => {
      const server = connect(target)
      const waiting = new Map<string, Exchange>()
      this.#join(client, server, frame => this.#record(frame, 'client', waiting))
      this.#join(server, client, frame => this.#record(frame, 'server', waiting))
    })
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => resolve((this.#server.address() as { port: number }).port))
    })
  }

  #join(from: Socket, to: Socket, onFrame: (frame: Buffer) => void): void {
    this.#sockets.add(from)
    const cut = frames(onFrame)
    from.on('data', chunk => {
      cut(chunk)
      to.write(chunk)
    })
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    from.on('error', () => to.destroy())
  }

  #record(bytes: Buffer, sender: 'client' | 'server', waiting: Map<string, Exchange>): void {
    const frame = readFrame(bytes)
    if (!frame.isResponse) {
      const exchange: Exchange = { request: frame }
      this.exchanges.push(exchange)
      waiting.set(`${sender} ${frame.opaque}`, exchange)
      return
    }
    // A response belongs to the request that went the other way.
    const key = `${sender === 'client' ? 'server' : 'client'} ${frame.opaque}`
    const exchange = waiting.get(key)
    if (exchange) exchange.response = frame
    waiting.delete(key)
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
