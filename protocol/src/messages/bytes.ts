// Big-endian integers straight on bytes. Node's own Buffer methods check each argument; here callers check a range once
// per record and then read or write a dozen fields in it, which is what the append path spends its time on.

/** Reads a Java int. The caller has checked that four bytes are there. */
export function getInt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** Reads a Java short. */
export function getShort(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!
}

/** Reads a Java long as a number: exact within ±2^53, the nearest double beyond (see `getBigLong`). */
export function getLong(bytes: Uint8Array, at: number): number {
  return getInt(bytes, at) * 4294967296 + (getInt(bytes, at + 4) >>> 0)
}

/** Reads a Java long where each of the 64 bits counts. */
export function getBigLong(bytes: Uint8Array, at: number): bigint {
  return (BigInt(getInt(bytes, at)) << 32n) | BigInt(getInt(bytes, at + 4) >>> 0)
}

/** Writes the low 32 bits of `value`. The caller has checked that four bytes are there: beyond the end it writes nothing. */
export function putInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function putShort(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** Writes a safe integer as a Java long. */
export function putLong(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 4294967296)
  putInt(bytes, at, high)
  putInt(bytes, at + 4, value - high * 4294967296)
}

export function putBigLong(bytes: Uint8Array, at: number, value: bigint): void {
  putInt(bytes, at, Number(BigInt.asIntN(32, value >> 32n)))
  putInt(bytes, at + 4, Number(BigInt.asIntN(32, value)))
}

/** Copies all of `source`. Below some 32 bytes a loop beats the call into the engine. */
export function putBytes(into: Uint8Array, at: number, source: Uint8Array): void {
  const length = source.length
  if (length > 32) {
    into.set(source, at)
    return
  }
  for (let i = 0; i < length; i++) into[at + i] = source[i]!
}

/** True when `bytes` holds `wanted` at `at`. */
export function bytesEqual(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}
