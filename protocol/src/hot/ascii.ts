/** A piece of text that never changes, ready to be copied. */
export function constant(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function writeConstant(piece: Uint8Array, into: Uint8Array, at: number): number {
  into.set(piece, at)
  return at + piece.length
}

/** Longest number that `writeNumber` writes. */
export const MAX_NUMBER_BYTES = 17

/** Writes a safe integer in decimal and returns where it ends. */
export function writeNumber(value: number, into: Uint8Array, at: number): number {
  if (value < 0) {
    into[at++] = 0x2d
    value = -value
  }
  if (value < 1e9) return writeSmall(value | 0, into, at)
  const high = Math.floor(value / 1e9)
  at = writeSmall(high, into, at)
  let low = (value - high * 1e9) | 0
  for (let i = at + 8; i >= at; i--) {
    const rest = (low / 10) | 0
    into[i] = 0x30 + low - rest * 10
    low = rest
  }
  return at + 9
}

/** For 0 to 2^31-1. */
function writeSmall(value: number, into: Uint8Array, at: number): number {
  let end = at + 1
  for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) end++
  for (let i = end - 1; i >= at; i--) {
    const rest = (value / 10) | 0
    into[i] = 0x30 + value - rest * 10
    value = rest
  }
  return end
}

/** Writes a safe, not negative integer as 16 upper-case hexadecimal digits. */
export function writeHex64(value: number, into: Uint8Array, at: number): number {
  const high = Math.floor(value / 2 ** 32)
  writeHex32(high, into, at)
  writeHex32(value - high * 2 ** 32, into, at + 8)
  return at + 16
}

function writeHex32(value: number, into: Uint8Array, at: number): void {
  value |= 0
  for (let i = at + 7; i >= at; i--) {
    const digit = value & 15
    into[i] = digit < 10 ? 0x30 + digit : 0x37 + digit
    value >>>= 4
  }
}

/** Writes text that needs no escape in JSON and returns where it ends; -1 when it has other characters. */
export function writePlain(text: string, into: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c) return -1
    into[at + i] = c
  }
  return at + text.length
}
