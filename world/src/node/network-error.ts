import { NetworkError, type NetworkErrorCode } from '../network.ts'

const LISTEN_CODES: Record<string, NetworkErrorCode> = {
  EADDRINUSE: 'EADDRINUSE',
  EADDRNOTAVAIL: 'EADDRNOTAVAIL',
  EAFNOSUPPORT: 'EADDRNOTAVAIL',
  EACCES: 'EACCES',
  EPERM: 'EACCES',
  ENOTFOUND: 'unresolved',
  EAI_AGAIN: 'unresolved',
}

const CONNECT_CODES: Record<string, NetworkErrorCode> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ENOTFOUND: 'unresolved',
  EAI_AGAIN: 'unresolved',
  EAI_FAIL: 'unresolved',
  EAI_NODATA: 'unresolved',
  EAI_NONAME: 'unresolved',
}

export function listenError(error: NodeJS.ErrnoException, host: string, port: number): NetworkError {
  const code = LISTEN_CODES[error.code ?? ''] ?? 'EADDRNOTAVAIL'
  return new NetworkError(code, `listen on ${endpoint(host, port)}: ${error.code ?? error.message}`, { cause: error })
}

/** Everything the kernel may say that has no name of its own here means that there is no way to the host. */
export function connectError(error: NodeJS.ErrnoException, host: string, port: number): NetworkError {
  // With several addresses Node throws an AggregateError, whose code is that of the first attempt.
  const code = CONNECT_CODES[error.code ?? ''] ?? 'unreachable'
  return new NetworkError(code, `connect to ${endpoint(host, port)}: ${error.code ?? error.message}`, { cause: error })
}

/** `ip:port`: IPv6 in brackets, an IPv4 address that came in through an IPv6 socket as IPv4. */
export function endpoint(address: string, port: number): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  return plain.includes(':') && !plain.startsWith('[') ? `[${plain}]:${port}` : `${plain}:${port}`
}
