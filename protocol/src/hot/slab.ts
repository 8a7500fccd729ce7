import { Buffer } from 'node:buffer'

const SLAB_BYTES = 64 * 1024

/** Where unescaped texts are put one behind the other; a full slab is left to those who still look at it. */
export const slab = { buffer: Buffer.allocUnsafeSlow(SLAB_BYTES), position: 0 }

/** Makes room for `size` bytes behind `slab.position`. */
export function ensureSlab(size: number): void {
  if (slab.buffer.length - slab.position >= size) return
  slab.buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size))
  slab.position = 0
}
