import { type Buffer, isUtf8 } from 'node:buffer'
import { MalformedError } from './errors.ts'

/**
 * Text from bytes, strictly: broken UTF-8 is a MalformedError. Java would put U+FFFD there and go on, which changes what a
 * producer sent without a word.
 */
export function utf8Text(buffer: Buffer, start: number, end: number, what: string): string {
  const text = buffer.toString('utf8', start, end)
  // Only text with a replacement character can have come from broken bytes, or from the character itself.
  if (text.includes('\ufffd') && !isUtf8(buffer.subarray(start, end))) throw new MalformedError(`${what} is not UTF-8`)
  return text
}
