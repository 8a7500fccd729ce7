/** Frames made by hand, right and wrong ones: a peer's view, which shares no code with the servers under test. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Header {
  readonly code: number
  readonly extFields?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export function frame(header: Header | string, body: Uint8Array = new Uint8Array()): Buffer {
  const text =
    typeof header === 'string'
      ? header
      : JSON.stringify({ flag: 0, language: 'JAVA', opaque: 1, version: 513, ...header })
  const json = Buffer.from(text)
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + json.length + body.length, 0)
  head.writeInt32BE(json.length, 4)
  return Buffer.concat([head, json, body])
}

export interface Answer {
  readonly code: number
  readonly remark: string | undefined
  readonly opaque: number
  readonly extFields: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A connection that says what it is told to say. */
export class Wire {
  readonly socket: Socket
  readonly answers: Answer[] = []
  closed = false
  #held = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => this.#read(chunk as Buffer))
    socket.on('close', () => (this.closed = true))
    socket.on('error', () => (this.closed = true))
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(new Wire(socket)))
      socket.once('error', reject)
    })
  }

  #read(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk])
    while (this.#held.length >= 8 && this.#held.length >= 4 + this.#held.readInt32BE(0)) {
      const end = 4 + this.#held.readInt32BE(0)
      const headerEnd = 8 + (this.#held.readInt32BE(4) & 0xffffff)
      const { code, remark, opaque, extFields = {} } = JSON.parse(this.#held.toString('utf8', 8, headerEnd))
      this.answers.push({ code, remark, opaque, extFields, body: Buffer.from(this.#held.subarray(headerEnd, end)) })
      this.#held = this.#held.subarray(end)
    }
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  async ask(header: Header, body?: Uint8Array, timeoutMs = 5000): Promise<Answer> {
    const before = this.answers.length
    this.send(frame(header, body))
    if (!(await this.until(() => this.answers.length > before || this.closed, timeoutMs)))
      throw new Error(`no answer to code ${header.code} after ${timeoutMs} ms`)
    if (this.answers.length === before) throw new Error(`closed instead of answering code ${header.code}`)
    return this.answers.at(-1)!
  }

  async until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (!condition()) {
      if (performance.now() > deadline) return false
      await sleep(5)
    }
    return true
  }

  /** Whether the other side has closed within the time. */
  isClosed(withinMs: number): Promise<boolean> {
    return this.until(() => this.closed, withinMs)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** SEND_MESSAGE_V2 */
export const sendTo = (topic: string, queueId = 0, more: Readonly<Record<string, string>> = {}): Header => ({
  code: 310,
  extFields: {
    a: 'e2e',
    b: topic,
    c: 'TBW102',
    d: '4',
    e: String(queueId),
    f: '0',
    g: String(Date.now()),
    h: '0',
    i: '',
    j: '0',
    k: 'false',
    ...more,
  },
})

/** PULL_MESSAGE that is answered at once. */
export const pullFrom = (topic: string, queueId: number, queueOffset: number, maxMsgNums = 32): Header => ({
  code: 11,
  extFields: {
    consumerGroup: 'e2e-wire',
    topic,
    queueId: String(queueId),
    queueOffset: String(queueOffset),
    maxMsgNums: String(maxMsgNums),
    sysFlag: '4',
    commitOffset: '0',
    suspendTimeoutMillis: '0',
    subscription: '*',
    subVersion: '0',
    expressionType: 'TAG',
  },
})
