import { isIPv4, isIPv6 } from 'node:net'
import { endpoint } from './network-error.ts'

/** The first 12 bytes of a version 2 header. */
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V1_SIGNATURE = Buffer.from('PROXY ', 'latin1')
/** The longest version 1 line, its CRLF included (HAProxy's proxy-protocol.txt, 2.1). */
const V1_LONGEST = 107

/**
 * What the start of a connection is. `more`: it may yet become a header. `none`: there is none. `header`: `length` bytes
 * to skip, and who is really there (absent when the proxy speaks for itself). `broken`: a header that lies.
 */
export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly length: number; readonly source?: string; readonly destination?: string }
  | { readonly kind: 'broken'; readonly reason: string }

const MORE: ProxyHeader = { kind: 'more' }
const NONE: ProxyHeader = { kind: 'none' }

/** Looks for HAProxy's PROXY protocol, version 1 or 2, at the start of `bytes`. */
export function proxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, V1_SIGNATURE)) return bytes.length < V1_SIGNATURE.length ? MORE : version1(bytes)
  if (startsAlike(bytes, V2_SIGNATURE)) return bytes.length < 16 ? MORE : version2(bytes)
  return NONE
}

function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.compare(signature, 0, length, 0, length) === 0
}

const broken = (reason: string): ProxyHeader => ({ kind: 'broken', reason })

function version1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n')
  if (end < 0) return bytes.length < V1_LONGEST ? MORE : broken('PROXY line longer than 107 bytes')
  if (end + 2 > V1_LONGEST) return broken('PROXY line longer than 107 bytes')
  const line = bytes.toString('latin1', 0, end)
  const [, family, source = '', destination = '', sourcePort, destinationPort] = line.split(' ')
  const length = end + 2
  if (family === 'UNKNOWN') return { kind: 'header', length }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined
  if (!isAddress) return broken(`PROXY family ${JSON.stringify(family)}: TCP4, TCP6 and UNKNOWN exist`)
  if (!isAddress(source) || !isAddress(destination) || !isPort(sourcePort) || !isPort(destinationPort)) {
    return broken(`PROXY line ${JSON.stringify(line)} has no two ${family} addresses and ports`)
  }
  return {
    kind: 'header',
    length,
    source: endpoint(source, Number(sourcePort)),
    destination: endpoint(destination, Number(destinationPort)),
  }
}

const isPort = (text: string | undefined) => text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535

/** After the signature: version and command (u8), family and transport (u8), length of what follows (u16), addresses, TLVs. */
function version2(bytes: Buffer): ProxyHeader {
  const command = bytes[12]!
  if (command >> 4 !== 2) return broken(`PROXY version ${command >> 4}: 1 and 2 exist`)
  const follows = bytes.readUInt16BE(14)
  const length = 16 + follows
  if (bytes.length < length) return MORE
  const isLocal = (command & 0xf) === 0
  if (!isLocal && (command & 0xf) !== 1) return broken(`PROXY command ${command & 0xf}: LOCAL (0) and PROXY (1) exist`)
  const family = bytes[13]! >> 4
  const size = family === 1 ? 4 : family === 2 ? 16 : 0
  if (isLocal || size === 0) return { kind: 'header', length }
  if (follows < 2 * size + 4) return broken(`PROXY header of ${follows} bytes is too short for its addresses`)
  const text = size === 4 ? ipv4Text : ipv6Text
  const ports = 16 + 2 * size
  return {
    kind: 'header',
    length,
    source: endpoint(text(bytes, 16), bytes.readUInt16BE(ports)),
    destination: endpoint(text(bytes, 16 + size), bytes.readUInt16BE(ports + 2)),
  }
}

const ipv4Text = (bytes: Buffer, at: number) => bytes.subarray(at, at + 4).join('.')

function ipv6Text(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16)).join(':')
  return new URL(`http://[${groups}]`).hostname.slice(1, -1) // the shortest spelling
}
