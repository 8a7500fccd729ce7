import { expect } from '@jest/globals'
import { type Connection, NetworkError, type NetworkErrorCode } from '../network.ts'
import type { World } from '../world.ts'
import type { Contract } from './disk.ts'

export async function expectNetworkError(code: NetworkErrorCode, promise: Promise<unknown>): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(NetworkError)
  expect((error as NetworkError).code).toBe(code)
}

/** A connection and what came over it. */
export class Ear {
  readonly connection: Connection
  length = 0
  closings: (Error | undefined)[] = []
  drains = 0
  readonly #chunks: Buffer[] = []
  #wake: (() => void) | undefined

  constructor(connection: Connection) {
    this.connection = connection
    connection.onData = chunk => {
      expect(chunk.length).toBeGreaterThan(0)
      this.#chunks.push(chunk)
      this.length += chunk.length
      this.#wake?.()
    }
    connection.onClose = error => {
      this.closings.push(error)
      this.#wake?.()
    }
    connection.onDrain = () => {
      this.drains++
      this.#wake?.()
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  heard = (length: number) => this.until(() => this.length >= length)
  closed = () => this.until(() => this.closings.length > 0)
}

/** A listener on loopback, and both ends of a first connection to it. */
export async function pair(world: World) {
  let arrived!: (ear: Ear) => void
  const arrival = new Promise<Ear>(resolve => {
    arrived = resolve
  })
  const listener = await world.network.listen({
    host: '127.0.0.1',
    port: 0,
    onConnection: connection => arrived(new Ear(connection)),
  })
  const near = new Ear(await world.network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 5000 }))
  return { near, far: await arrival, listener }
}

const bytes = (text: string) => Buffer.from(text)

/** What every Network does on loopback, real or simulated. */
export function networkContract(contract: Contract): void {
  contract('bytes go both ways in order, and both ends know the addresses', async world => {
    const { near, far, listener } = await pair(world)
    expect(near.connection.remoteAddress).toBe(`127.0.0.1:${listener.port}`)
    expect(far.connection.localAddress).toBe(near.connection.remoteAddress)
    expect(far.connection.remoteAddress).toBe(near.connection.localAddress)
    expect(near.connection.encrypted).toBe(false)
    near.connection.write([bytes('a'), bytes(''), bytes('b')])
    near.connection.write([])
    near.connection.write([bytes('c')])
    await far.heard(3)
    expect(far.received.toString()).toBe('abc')
    far.connection.write([bytes('answer')])
    await near.heard(6)
    near.connection.end()
    await near.closed()
    await far.closed()
    expect([near.closings, far.closings]).toEqual([[undefined], [undefined]])
    await listener.close()
  })

  contract('a server may speak first', async world => {
    const { near, far, listener } = await pair(world)
    far.connection.write([bytes('welcome')])
    await near.heard(7)
    near.connection.destroy()
    await near.closed()
    await far.closed()
    await listener.close()
  })

  contract('many buffers of all sizes arrive whole', async world => {
    const { near, far, listener } = await pair(world)
    const sent = Buffer.concat(Array.from({ length: 300 }, (_, i) => Buffer.alloc((i * 37) % 4001, i)))
    for (let at = 0; at < sent.length; ) {
      const buffers: Buffer[] = []
      for (let i = 0; i < 50; i++) {
        const size = (at * 7 + i * 13) % 3000
        buffers.push(sent.subarray(at, at + size))
        at += size
      }
      near.connection.write(buffers)
    }
    await far.heard(sent.length)
    expect(Buffer.compare(far.received, sent)).toBe(0)
    near.connection.destroy()
    await near.closed()
    await listener.close()
  })

  contract('a reader that pauses makes the writer wait, and drain is told once it is empty', async world => {
    const { near, far, listener } = await pair(world)
    far.connection.pause()
    const block = Buffer.alloc(1 << 20, 7)
    let sent = 0
    while (near.connection.pendingBytes === 0 || sent < 8) {
      near.connection.write([block])
      sent++
      await world.clock.sleep(1)
    }
    await world.clock.sleep(50)
    expect(far.length).toBe(0)
    expect(near.connection.pendingBytes).toBeGreaterThan(0)
    expect(near.drains).toBe(0)
    far.connection.resume()
    await near.until(() => near.drains > 0)
    expect(near.connection.pendingBytes).toBe(0)
    await far.heard(sent * block.length)
    expect(far.length).toBe(sent * block.length)
    near.connection.end()
    await far.closed()
    await listener.close()
  })

  contract('end sends what is pending first', async world => {
    const { near, far, listener } = await pair(world)
    near.connection.write([Buffer.alloc(4 << 20, 1)])
    near.connection.end()
    near.connection.write([bytes('too late')])
    near.connection.end()
    await far.closed()
    expect(far.length).toBe(4 << 20)
    await near.closed()
    await world.clock.sleep(20)
    expect([near.closings, far.closings]).toEqual([[undefined], [undefined]])
    await listener.close()
  })

  contract('writing after the close is harmless, and close is told once', async world => {
    const { near, far, listener } = await pair(world)
    near.connection.destroy()
    near.connection.destroy()
    near.connection.end()
    near.connection.write([bytes('x')])
    near.connection.pause()
    near.connection.resume()
    await near.closed()
    await far.closed()
    await world.clock.sleep(20)
    expect(near.closings).toEqual([undefined])
    expect(far.closings.length).toBe(1)
    expect(near.connection.pendingBytes).toBe(0)
    await listener.close()
  })

  contract('listeners: taken ports, foreign addresses, connections outlive them', async world => {
    const { near, far, listener } = await pair(world)
    const { network } = world
    const onConnection = () => {}
    await expectNetworkError('EADDRINUSE', network.listen({ host: '127.0.0.1', port: listener.port, onConnection }))
    await expectNetworkError('EADDRNOTAVAIL', network.listen({ host: '198.51.100.7', port: 0, onConnection }))
    await listener.close()
    await expectNetworkError('refused', network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 5000 }))
    near.connection.write([bytes('still here')])
    await far.heard(10)
    const again = await network.listen({ host: '127.0.0.1', port: listener.port, onConnection })
    expect(again.port).toBe(listener.port)
    await again.close()
    near.connection.destroy()
    await near.closed()
    await far.closed()
  })

  contract('names resolve, or say so', async ({ network }) => {
    expect(await network.resolve('192.0.2.1')).toEqual(['192.0.2.1'])
    expect((await network.resolve('localhost')).length).toBeGreaterThan(0)
    await expectNetworkError('unresolved', network.resolve('no-such-host.invalid'))
    await expectNetworkError('unresolved', network.connect({ host: 'no-such-host.invalid', port: 1, timeoutMs: 5000 }))
  })
}
