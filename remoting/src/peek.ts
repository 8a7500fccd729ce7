import { decodeHeader, type Frame, RESPONSE_FLAG } from '@rocketcluster/protocol'

const JSON_CODE = Buffer.from('{"code":')
const JSON_FLAG = Buffer.from('"flag":')

/**
 * The request code of a frame without decoding its header; undefined when that is not cheap. Java, and what copies its
 * alphabetical order, starts a JSON header with the code.
 */
export function peekCode({ buffer, serializeType, headerStart, headerEnd }: Frame): number | undefined {
  if (serializeType === 'ROCKETMQ') return headerEnd - headerStart >= 2 ? buffer.readInt16BE(headerStart) : undefined
  if (headerEnd - headerStart < 16) return undefined
  for (let i = 0; i < 8; i++) if (buffer[headerStart + i] !== JSON_CODE[i]) return undefined
  let code = 0
  for (let at = headerStart + 8; at < headerEnd; at++) {
    const digit = buffer[at]! - 48
    if (digit < 0 || digit > 9) return digit === COMMA ? code : undefined
    code = code * 10 + digit
  }
  return undefined
}

const COMMA = 44 - 48

/** Whether a frame whose code looks like a request's is an answer after all. */
export function peekIsResponse(frame: Frame): boolean {
  const { buffer, serializeType, headerStart, headerEnd } = frame
  if (serializeType === 'ROCKETMQ')
    return headerEnd - headerStart >= 13 && (buffer[headerStart + 12]! & RESPONSE_FLAG) !== 0
  // The flag stands near the end. A quote inside a text is escaped, so this finds a name; one within extFields has a text.
  const at = buffer.lastIndexOf(JSON_FLAG, headerEnd - JSON_FLAG.length - 1)
  if (at > headerStart) {
    const digit = buffer[at + 7]! - 48
    const next = buffer[at + 8]
    if (digit >= 0 && digit <= 9 && (next === 44 || next === 125)) return (digit & RESPONSE_FLAG) !== 0
  }
  return (decodeHeader(frame).flag & RESPONSE_FLAG) !== 0
}
