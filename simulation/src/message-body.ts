import { crc32 } from 'node:zlib'

/** A body that can be told from any other, and that shows when one of its bytes was changed: `id|checksum|padding`. */
export function bodyOf(id: string, sizeBytes: number): string {
  const padding = 'x'.repeat(Math.max(0, sizeBytes - id.length - 10))
  return `${id}|${crc32(`${id}${padding}`).toString(16).padStart(8, '0')}|${padding}`
}

/** The id in a body; with `damaged` in front when it is not as it was made. */
export function idOf(body: Buffer): string {
  const [id = '', checksum, padding = ''] = body.toString().split('|')
  return crc32(`${id}${padding}`).toString(16).padStart(8, '0') === checksum ? id : `damaged ${id}`
}
