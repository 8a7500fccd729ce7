import { TransportError } from './transport-error.ts'

/** Splits `host:port` or `[v6]:port`. Throws TransportError `unreachable`. */
export function parseAddress(address: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new TransportError(
      'unreachable',
      `address ${JSON.stringify(address)} is not host:port with a port from 1 to 65535`,
      {
        sent: false,
      },
    )
  return { host, port }
}
