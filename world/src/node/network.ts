import { lookup } from 'node:dns'
import net from 'node:net'
import tls from 'node:tls'
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
  type TlsServerOptions,
} from '../network.ts'
import { type Endpoints, NodeConnection, TLS_HANDSHAKE } from './connection.ts'
import { connectError, endpoint, listenError } from './network-error.ts'
import { proxyHeader } from './proxy-protocol.ts'

/** `serverSocketBacklog`, NettyServerConfig.java. */
const BACKLOG = 1024
const KEEP_ALIVE_DELAY_MS = 60_000
/** A peer that says nothing cannot be told apart as TLS or plain; it goes after `serverChannelMaxIdleTimeSeconds`. */
const FIRST_BYTE_TIMEOUT_MS = 120_000
/** Netty's SslHandler has the same. */
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000
/** Names a socket also while it is inside another one: the TLS server does not tell which socket it has wrapped. */
const fourTuple = (socket: net.Socket) =>
  `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`

class NodeListener implements Listener {
  readonly host: string
  port = 0
  readonly #server: net.Server
  readonly #onConnection: (connection: Connection) => void
  #tlsMode: TlsServerOptions['mode'] = 'disabled'
  #tlsServer: tls.Server | undefined
  /** What a proxy in front said of sockets. */
  readonly #proxied = new Map<string, Endpoints>()
  /** Accepted, but not handed out yet. */
  readonly #undecided = new Set<net.Socket>()

  constructor(options: ListenOptions) {
    this.host = options.host
    this.#onConnection = options.onConnection
    this.updateTls(options.tls ?? { mode: 'disabled' })
    this.#server = net.createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS },
      socket => this.#accept(socket),
    )
  }

  listen(port: number): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => reject(listenError(error, this.host, port)))
      this.#server.listen({ host: withoutBrackets(this.host), port, backlog: BACKLOG, exclusive: true }, () => {
        this.#server.removeAllListeners('error')
        this.#server.on('error', () => {}) // one accept failed (EMFILE): the listener lives on
        this.port = (this.#server.address() as net.AddressInfo).port
        resolve(this)
      })
    })
  }

  updateTls(options: TlsServerOptions): void {
    this.#tlsServer = options.mode === 'disabled' ? undefined : this.#createTlsServer(options)
    this.#tlsMode = options.mode
  }

  #createTlsServer(options: TlsServerOptions): tls.Server {
    const { certificate, key, keyPassphrase, trustedCertificates, clientAuthentication = 'none' } = options
    if (certificate === undefined || key === undefined) {
      throw new NetworkError('tls', `tls mode ${options.mode} needs both certificate and key`)
    }
    try {
      const server = tls.createServer({
        cert: certificate,
        key,
        passphrase: keyPassphrase,
        ca: trustedCertificates,
        requestCert: clientAuthentication !== 'none',
        rejectUnauthorized: clientAuthentication === 'require',
        handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      })
      server.on('secureConnection', socket => this.#handOut(socket, true))
      server.on('tlsClientError', (_error, socket) => socket.destroy())
      return server
    } catch (cause) {
      throw new NetworkError('tls', `certificate or key cannot be used: ${(cause as Error).message}`, { cause })
    }
  }

  /** With TLS possible, waits until the first bytes tell what the connection is: a PROXY header, then a TLS handshake or plain bytes. */
  #accept(socket: net.Socket): void {
    if (this.#tlsMode === 'disabled') {
      this.#onConnection(new NodeConnection(socket, { encrypted: false, inspectStart: true }))
      return
    }
    let start: Buffer | undefined
    let isHeaderBehind = false
    const leave = () => {
      this.#undecided.delete(socket)
      socket.removeListener('data', onData)
      socket.removeListener('error', onGone)
      socket.removeListener('close', onGone)
      socket.removeListener('timeout', onGone)
      socket.setTimeout(0)
    }
    const onGone = () => {
      leave()
      socket.on('error', () => {})
      socket.destroy()
    }
    const onData = (chunk: Buffer) => {
      start = start ? Buffer.concat([start, chunk]) : chunk
      if (!isHeaderBehind) {
        const header = proxyHeader(start)
        if (header.kind === 'more') return
        if (header.kind === 'broken') {
          onGone()
          return
        }
        isHeaderBehind = true
        if (header.kind === 'header') {
          const tuple = fourTuple(socket)
          this.#proxied.set(tuple, header)
          socket.once('close', () => this.#proxied.delete(tuple))
          start = start.subarray(header.length)
        }
      }
      if (start.length === 0) return
      socket.pause()
      leave()
      socket.unshift(start)
      this.#route(socket, start[0] === TLS_HANDSHAKE)
    }
    this.#undecided.add(socket)
    socket.setTimeout(FIRST_BYTE_TIMEOUT_MS)
    socket.on('timeout', onGone)
    socket.on('error', onGone)
    socket.on('close', onGone)
    socket.on('data', onData)
  }

  #route(socket: net.Socket, speaksTls: boolean): void {
    if (speaksTls && this.#tlsServer) {
      this.#tlsServer.emit('connection', socket)
    } else if (speaksTls || this.#tlsMode === 'enforcing') {
      socket.on('error', () => {})
      socket.destroy()
    } else this.#handOut(socket, false)
  }

  #handOut(socket: net.Socket, encrypted: boolean): void {
    const endpoints = this.#proxied.get(fourTuple(socket))
    this.#onConnection(new NodeConnection(socket, { encrypted, endpoints }))
  }

  async close(): Promise<void> {
    // The callback of close() would wait until the last connection has ended; the port is free as soon as it returns.
    this.#server.close()
    for (const socket of this.#undecided) socket.destroy()
    await new Promise(resolve => setImmediate(resolve))
  }
}

const withoutBrackets = (host: string) => (host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host)

function lookupAll(host: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, order: 'verbatim' }, (error, addresses) => {
      if (error) reject(new NetworkError('unresolved', `resolve ${host}: ${error.code}`, { cause: error }))
      else resolve(addresses.map(({ address }) => address))
    })
  })
}

function connect(options: ConnectOptions): Promise<Connection> {
  const { port, timeoutMs } = options
  const host = withoutBrackets(options.host)
  return new Promise((resolve, reject) => {
    const isConnected = () => raw.readyState === 'open' || raw.readyState === 'readOnly'
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.destroy()
      raw.destroy()
      reject(error)
    }
    const onError = (error: NodeJS.ErrnoException) => {
      if (options.tls && connected) {
        fail(new NetworkError('tls', `TLS with ${endpoint(host, port)}: ${error.message}`, { cause: error }))
      } else fail(connectError(error, host, port))
    }
    const timer = setTimeout(() => {
      const doing = isConnected() ? 'TLS handshake with' : 'connect to'
      fail(new NetworkError('timeout', `${doing} ${endpoint(host, port)}: no answer in ${timeoutMs} ms`))
    }, timeoutMs)

    let connected = false
    const raw = net.connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    })
    raw.once('connect', () => {
      connected = true
    })
    let socket: net.Socket = raw
    if (options.tls) {
      try {
        socket = startTls(raw, host, options.tls)
      } catch (cause) {
        raw.on('error', () => {})
        fail(new NetworkError('tls', `certificate or key cannot be used: ${(cause as Error).message}`, { cause }))
        return
      }
    }
    socket.on('error', onError)
    socket.once(options.tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.removeListener('error', onError)
      resolve(new NodeConnection(socket, { encrypted: options.tls !== undefined }))
    })
  })
}

function startTls(raw: net.Socket, host: string, options: NonNullable<ConnectOptions['tls']>): tls.TLSSocket {
  const { trustedCertificates, insecure = false, certificate, key, keyPassphrase } = options
  return tls.connect({
    socket: raw,
    servername: net.isIP(host) ? undefined : host,
    rejectUnauthorized: !insecure,
    ca: trustedCertificates,
    cert: certificate,
    key,
    passphrase: keyPassphrase,
    // Brokers are reached by the numeric addresses that name servers hand out, so a certificate seldom names them. With
    // authorities of one's own, as in RocketMQ, being signed by them is the proof; with the public ones the name must match.
    ...(trustedCertificates !== undefined && { checkServerIdentity: () => undefined }),
  })
}

/** The machine's TCP and TLS. */
export const nodeNetwork: Network = {
  listen: async options => new NodeListener(options).listen(options.port),
  connect,
  resolve: async host => (net.isIP(withoutBrackets(host)) ? [withoutBrackets(host)] : lookupAll(host)),
}
