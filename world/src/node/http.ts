import { createServer } from 'node:http'
import { NetworkError } from '../network.ts'
import { listenError } from './network-error.ts'

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  /** `text/plain; charset=utf-8` when absent. */
  readonly contentType?: string
}

/** What each path answers to GET. A route that throws is a 500 with the error's message. */
export type HttpRoutes = Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>

export interface HttpServer {
  readonly host: string
  /** The real port, also when 0 was asked for. */
  readonly port: number
  /** Stops listening and closes all connections. */
  close(): Promise<void>
}

/**
 * The small HTTP server beside a process: /livez, /readyz, /metrics. Only GET and HEAD; an unknown path is a 404, another
 * method a 405. Throws NetworkError as Network.listen does.
 */
export async function serveHttp(options: {
  readonly host: string
  readonly port: number
  readonly routes: HttpRoutes
}): Promise<HttpServer> {
  const { host, port, routes } = options

  const answer = async (method: string, path: string): Promise<HttpAnswer> => {
    const route = Object.hasOwn(routes, path) ? routes[path]! : undefined
    if (!route) return { status: 404, body: `no ${path}; there is ${Object.keys(routes).join(', ')}\n` }
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: `${method} is not allowed; GET is\n` }
    try {
      return await route()
    } catch (error) {
      return { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` }
    }
  }

  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, async (request, response) => {
    request.resume()
    const method = request.method ?? 'GET'
    const path = (request.url ?? '/').split('?', 1)[0]!
    const { status, body, contentType = 'text/plain; charset=utf-8' } = await answer(method, path)
    const bytes = Buffer.from(body)
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': bytes.length,
      ...(status === 405 && { allow: 'GET, HEAD' }),
    })
    response.end(method === 'HEAD' ? undefined : bytes)
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(listenError(error, host, port)))
    server.listen(port, host, resolve)
  })
  server.removeAllListeners('error')
  server.on('error', () => {}) // an accept that failed: the next one may not

  const address = server.address()
  if (address === null || typeof address === 'string') throw new NetworkError('EADDRNOTAVAIL', `no port on ${host}`)
  return {
    host,
    port: address.port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
