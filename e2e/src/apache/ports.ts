import { createServer } from 'node:net'

function canListen(port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '0.0.0.0', () => {
      const { port: given } = server.address() as { port: number }
      server.close(() => resolve(given))
    })
  })
}

/** Some port that nobody listens on. */
export async function freePort(): Promise<number> {
  const port = await canListen(0)
  if (port === undefined) throw new Error('no free port')
  return port
}

/**
 * A port for a broker, which also listens two below (the "fast" port) and one above (replication to slaves).
 * Looked for below the range from which the system itself takes ports for outgoing connections.
 */
export async function freeBrokerPort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 10_002 + Math.floor(Math.random() * 21_000)
    const wanted = [port - 2, port, port + 1]
    const free = await Promise.all(wanted.map(canListen))
    if (free.every(given => given !== undefined)) return port
  }
  throw new Error('no three free ports for a broker after 200 attempts')
}
