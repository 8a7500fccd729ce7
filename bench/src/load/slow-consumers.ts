import { connect, type Socket } from 'node:net'
import { pullTemplate } from './frames.ts'

const PULLS_EACH = 64

/** Connections that ask for messages again and again and read no answer: what a consumer that hangs does to a broker. */
export class SlowConsumers {
  readonly #sockets: Socket[] = []

  async connect(count: number, options: { address: string; topic: string; brokerName: string }): Promise<void> {
    const [host, port] = options.address.split(':')
    const { frame } = pullTemplate({ ...options, maxMessages: 32, suspendMs: 0 })
    const pulls = Buffer.concat(Array.from({ length: PULLS_EACH }, () => frame))
    for (let i = 0; i < count; i++) {
      const socket = connect({ host: host!, port: Number(port) })
      // A broker may well throw them out.
      socket.on('error', () => {})
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      socket.pause()
      socket.write(pulls)
      this.#sockets.push(socket)
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
