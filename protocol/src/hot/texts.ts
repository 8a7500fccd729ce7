import type { Buffer } from 'node:buffer'
import type { HeaderScanner } from './scanner.ts'
import { cachedAscii } from './string-cache.ts'

/** Thrown by the readers below when the ordinary decoder must judge. Never leaves this folder. */
export const UNUSUAL: unique symbol = Symbol('unusual header')

/** A required text, interned. */
export function text(scan: HeaderScanner, frame: Buffer, index: number): string {
  const value = optionalText(scan, frame, index)
  if (value === undefined) throw UNUSUAL
  return value
}

export function optionalText(scan: HeaderScanner, frame: Buffer, index: number): string | undefined {
  const start = scan.starts[index]!
  if (start < 0) return undefined
  const from = scan.escaped[index] === 1 ? scan.slab : frame
  const end = scan.ends[index]!
  return (scan.high[index]! & 0x80) === 0 ? cachedAscii(from, start, end) : from.toString('utf8', start, end)
}

/** A required number of at most `maxDigits` digits; the range is the caller's affair. */
function digits(scan: HeaderScanner, frame: Buffer, index: number, maxDigits: number): number {
  const start = scan.starts[index]!
  if (start < 0) throw UNUSUAL
  const from = scan.escaped[index] === 1 ? scan.slab : frame
  const end = scan.ends[index]!
  const negative = from[start] === 0x2d
  let at = negative ? start + 1 : start
  if (at === end || end - at > maxDigits) throw UNUSUAL
  let value = 0
  for (; at < end; at++) {
    const digit = from[at]! - 0x30
    if (digit < 0 || digit > 9) throw UNUSUAL
    value = value * 10 + digit
  }
  return negative ? 0 - value : value
}

/** A required Java int. */
export function int(scan: HeaderScanner, frame: Buffer, index: number): number {
  const value = digits(scan, frame, index, 10)
  if ((value | 0) !== value) throw UNUSUAL
  return value
}

export function optionalInt(scan: HeaderScanner, frame: Buffer, index: number): number | undefined {
  return scan.starts[index]! < 0 ? undefined : int(scan, frame, index)
}

/** A required Java long that is short enough to be exact. */
export function long(scan: HeaderScanner, frame: Buffer, index: number): number {
  return digits(scan, frame, index, 15)
}

/** Java's Boolean.parseBoolean; absent is false. */
export function bool(scan: HeaderScanner, frame: Buffer, index: number): boolean {
  const start = scan.starts[index]!
  if (start < 0 || scan.ends[index]! - start !== 4) return false
  const from = scan.escaped[index] === 1 ? scan.slab : frame
  return (
    (from[start]! | 0x20) === 0x74 &&
    (from[start + 1]! | 0x20) === 0x72 &&
    (from[start + 2]! | 0x20) === 0x75 &&
    (from[start + 3]! | 0x20) === 0x65
  )
}
