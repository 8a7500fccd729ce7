import { connect } from 'node:net'

/**
 * Sends one remoting command with a JSON header of the caller's making and returns both frames, length words included.
 * Deliberately knows nothing of our own packages: it is a peer's view.
 */
export function ask(
  target: { host: string; port: number },
  header: object,
  timeoutMs = 10_000,
): Promise<{ request: Buffer; response: Buffer }> {
  const json = Buffer.from(JSON.stringify(header))
  const request = Buffer.alloc(8 + json.length)
  request.writeInt32BE(4 + json.length, 0)
  request.writeInt32BE(json.length, 4)
  json.copy(request, 8)
  return new Promise((resolve, reject) => {
    const socket = connect(target, () => socket.write(request))
    let held = Buffer.alloc(0)
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer after ${timeoutMs} ms`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed without an answer')))
    socket.on('data', chunk => {
      held = Buffer.concat([held, chunk])
      if (held.length < 4 || held.length < 4 + held.readInt32BE(0)) return
      resolve({ request, response: held })
      socket.destroy()
    })
  })
}
