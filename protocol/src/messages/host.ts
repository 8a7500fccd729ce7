import { MalformedError } from '../errors.ts'
import { getInt, putInt } from './bytes.ts'

/** An address and port as records hold them: 4 (IPv4) or 16 (IPv6) address bytes, then the port in 4. */
export type HostBytes = Buffer

export const HOST_V4_SIZE = 8
export const HOST_V6_SIZE = 20

export interface Host {
  /** IPv4 dotted, or IPv6 in its usual short form without brackets. */
  readonly address: string
  readonly port: number
}

/** undefined when `text` is no IPv4 address. */
function parseV4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const numbers = parts.map(part => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  return numbers.every(part => part < 256) ? numbers : undefined
}

/** undefined when `text` is no IPv6 address. */
function parseV6(text: string): number[] | undefined {
  const zone = text.indexOf('%')
  let plain = zone < 0 ? text : text.slice(0, zone)
  const lastColon = plain.lastIndexOf(':')
  if (plain.includes('.')) {
    const v4 = parseV4(plain.slice(lastColon + 1))
    if (!v4) return undefined
    const [a, b, c, d] = v4 as [number, number, number, number]
    plain = `${plain.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map(half => (half === '' ? [] : half.split(':')))
  const count = groups.reduce((sum, half) => sum + half.length, 0)
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined
  const filled =
    halves.length === 1 ? groups[0]! : [...groups[0]!, ...Array<string>(8 - count).fill('0'), ...groups[1]!]
  if (!filled.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return filled.flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff])
}

/**
 * The 4 or 16 bytes of a numeric address, undefined when it is none. An IPv4 address mapped into IPv6
 * (`::ffff:10.0.0.1`, what a dual-stack socket reports) becomes the IPv4 address it is, as in Java.
 */
export function parseAddress(address: string): Buffer | undefined {
  const v4 = parseV4(address)
  if (v4) return Buffer.from(v4)
  const v6 = address.includes(':') ? parseV6(address) : undefined
  if (!v6) return undefined
  const bytes = Buffer.from(v6)
  const mapped = bytes.readUInt32BE(8) === 0xffff && bytes.readUInt32BE(0) === 0 && bytes.readUInt32BE(4) === 0
  return mapped ? bytes.subarray(12) : bytes
}

/** The numeric text of 4 or 16 address bytes: IPv6 lower-case, its longest run of zero groups shortened (RFC 5952). */
export function printAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  let start = -1
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > longest) [start, longest] = [i, end - i]
    if (end > i) i = end
  }
  const hex = (from: number, to?: number) =>
    groups
      .slice(from, to)
      .map(group => group.toString(16))
      .join(':')
  return start < 0 ? hex(0) : `${hex(0, start)}::${hex(start + longest)}`
}

/** Bytes of a record's bornHost or storeHost. Throws RangeError when the address is not numeric or the port is no port. */
export function encodeHost(address: string, port: number): HostBytes {
  const ip = parseAddress(address)
  if (!ip) throw new RangeError(`host ${JSON.stringify(address)} is not a numeric IPv4 or IPv6 address`)
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535))
    throw new RangeError(`port ${port} is not from 0 to 65535`)
  const bytes = Buffer.alloc(ip.length + 4)
  ip.copy(bytes)
  putInt(bytes, ip.length, port)
  return bytes
}

/** Reads `size` (8 or 20) bytes at `at`. Throws MalformedError when they are not there. */
export function decodeHost(bytes: Buffer, at: number, size: number): Host {
  if (at < 0 || at + size > bytes.length)
    throw new MalformedError(`a host of ${size} bytes at ${at} ends beyond ${bytes.length}`)
  return { address: printAddress(bytes.subarray(at, at + size - 4)), port: getInt(bytes, at + size - 4) }
}

/** `address:port`, IPv6 in brackets. */
export function printHost({ address, port }: Host): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
