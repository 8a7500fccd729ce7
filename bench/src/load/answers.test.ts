import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { codeOf, connectLoad, fieldOf, serialOf } from './answers.ts'

let server: Server
let peer: Socket
afterEach(() => {
  peer?.destroy()
  server?.close()
})

function answer(serial: number, body: Buffer): Buffer {
  const extFields = { nextBeginOffset: String(serial * 10) }
  const header = Buffer.from(JSON.stringify({ code: 0, extFields, flag: 1, opaque: 1_000_000_000 + serial }))
  const prefix = Buffer.alloc(8)
  prefix.writeInt32BE(4 + header.length + body.length, 0)
  prefix.writeInt32BE(header.length, 4)
  return Buffer.concat([prefix, header, body])
}

test('answers are told apart wherever the stream is torn', async () => {
  server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
  const seen: string[] = []
  let bodyBytes = 0
  const done = new Promise<void>(resolve => {
    connectLoad(`127.0.0.1:${port}`, {
      onAnswer(head, start, end, bytes) {
        const next = fieldOf(head, start, end, Buffer.from('"nextBeginOffset":"'))
        seen.push(`${codeOf(head, start)} ${serialOf(head, start)} ${next} ${bytes}`)
      },
      onBody(_, start, end) {
        bodyBytes += end - start
      },
      onChunkEnd() {
        if (seen.length === 12 && bodyBytes === 12 * 40) resolve()
      },
      onClose() {},
    })
  })
  peer = await accepted
  peer.setNoDelay(true)
  const stream = Buffer.concat(Array.from({ length: 12 }, (_, i) => answer(i, Buffer.alloc(40, '{'))))
  for (let at = 0, step = 1; at < stream.length; at += step, step = (step * 7 + 3) % 97 || 1) {
    peer.write(stream.subarray(at, at + step))
    await new Promise(resolve => setImmediate(resolve))
  }
  await done
  expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => `0 ${i} ${i * 10} 40`))
})
