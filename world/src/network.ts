/** Bytes in order between two sockets. Set `onData` and `onClose` at once, in the turn that hands the connection out. */
export interface Connection {
  /** `ip:port`; an IPv6 address stands in brackets. */
  readonly remoteAddress: string
  readonly localAddress: string
  /** Whether the peer speaks TLS here. */
  readonly encrypted: boolean
  /** The chunk belongs to the receiver; it is never written again. */
  onData: (chunk: Buffer) => void
  /** Called exactly once, also after `destroy`. With an error when the peer reset or the network failed. */
  onClose: (error?: Error) => void
  /** Called when `pendingBytes` has come down to 0 after it was above. */
  onDrain: () => void
  /** Queues the buffers, in order, in one vectored write where the system has it. They must stay unchanged. Never throws. */
  write(buffers: readonly Uint8Array[]): void
  /** Bytes handed to `write` which the system has not taken yet. */
  readonly pendingBytes: number
  /** Stops `onData` until `resume`: the peer's window fills and it has to wait. */
  pause(): void
  resume(): void
  /** Sends what is pending, then closes. */
  end(): void
  /** Closes now; what is pending is lost. */
  destroy(): void
}

export interface Listener {
  readonly host: string
  /** The real port, also when 0 was asked for. */
  readonly port: number
  /** Accepts no more; resolves when the port is free again. Connections that exist stay. */
  close(): Promise<void>
  /**
   * New certificates, or another mode, for the connections accepted from now on; those that exist keep theirs.
   * Throws NetworkError `tls` when they cannot be used, and then goes on with the old ones.
   */
  updateTls(options: TlsServerOptions): void
}

/** `permissive` looks at the first byte of each connection: 0x16 starts TLS, anything else is plain. */
export type TlsMode = 'disabled' | 'permissive' | 'enforcing'

export interface TlsServerOptions {
  readonly mode: TlsMode
  /** PEM texts. Required unless the mode is `disabled`. */
  readonly certificate?: string
  readonly key?: string
  readonly keyPassphrase?: string
  /** PEM of the authorities a client certificate must come from. */
  readonly trustedCertificates?: string
  readonly clientAuthentication?: 'none' | 'optional' | 'require'
}

export interface TlsClientOptions {
  readonly trustedCertificates?: string
  /** Accept any server certificate, as RocketMQ clients do in test mode. */
  readonly insecure?: boolean
  readonly certificate?: string
  readonly key?: string
  readonly keyPassphrase?: string
}

export interface ListenOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly tls?: TlsServerOptions
  readonly onConnection: (connection: Connection) => void
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly tls?: TlsClientOptions
}

export interface Network {
  /** Throws NetworkError `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`. */
  listen(options: ListenOptions): Promise<Listener>
  /** Throws NetworkError `refused`, `timeout`, `unreachable`, `unresolved`. */
  connect(options: ConnectOptions): Promise<Connection>
  /** All addresses of a host name, in the resolver's order. Throws NetworkError `unresolved`. */
  resolve(host: string): Promise<string[]>
}

export type NetworkErrorCode =
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EACCES'
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'unresolved'
  | 'tls'

export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly code: NetworkErrorCode

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
