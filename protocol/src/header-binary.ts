import { Buffer } from 'node:buffer'
import type { CommandHeader, ExtFields } from './command.ts'
import { FieldError, MalformedError } from './errors.ts'
import { languageCodes, languageOfCode } from './language.ts'
import { utf8Text } from './utf8.ts'

/*
 * The ROCKETMQ form (RocketMQSerializable.java), big-endian:
 *
 * code(2) language(1) version(2) opaque(4) flag(4) remarkLength(4) remark extLength(4) { keyLength(2) key valueLength(4) value }
 *
 * A text of length zero is read as absent.
 */

/** Code to flag. */
export const BINARY_FIXED_BYTES = 13

/** Reads the binary form. Bytes behind extFields are ignored, as Apache does. Throws MalformedError. */
export function decodeBinaryHeader(buffer: Buffer, start: number, end: number): CommandHeader {
  if (end - start < BINARY_FIXED_BYTES + 8)
    throw new MalformedError(
      `header of ${end - start} bytes is shorter than the ${BINARY_FIXED_BYTES + 8} of an empty one`,
    )
  const remarkStart = start + BINARY_FIXED_BYTES + 4
  const remarkEnd = remarkStart + length(buffer.readInt32BE(remarkStart - 4), end - 4 - remarkStart, 'remark')
  const extStart = remarkEnd + 4
  const extEnd = extStart + length(buffer.readInt32BE(remarkEnd), end - extStart, 'extFields')
  return {
    code: buffer.readInt16BE(start),
    language: languageOfCode(buffer[start + 2]!),
    version: buffer.readInt16BE(start + 3),
    opaque: buffer.readInt32BE(start + 5),
    flag: buffer.readInt32BE(start + 9),
    remark: remarkStart === remarkEnd ? undefined : utf8Text(buffer, remarkStart, remarkEnd, 'remark'),
    extFields: decodeExtFields(buffer, extStart, extEnd),
  }
}

function decodeExtFields(buffer: Buffer, at: number, end: number): ExtFields {
  const ext: Record<string, string> = {}
  while (at < end) {
    const keyStart = at + 2
    if (keyStart > end) throw new MalformedError('header: extFields ends within the length of a name')
    const keyEnd = keyStart + length(buffer.readInt16BE(at), end - keyStart, 'name in extFields')
    const valueStart = keyEnd + 4
    if (valueStart > end) throw new MalformedError('header: extFields ends within the length of a value')
    const valueEnd = valueStart + length(buffer.readInt32BE(keyEnd), end - valueStart, 'value in extFields')
    if (keyEnd > keyStart && valueEnd > valueStart)
      put(
        ext,
        utf8Text(buffer, keyStart, keyEnd, 'name in extFields'),
        utf8Text(buffer, valueStart, valueEnd, 'value in extFields'),
      )
    at = valueEnd
  }
  return ext
}

function put(ext: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') ext[name] = value
  else Object.defineProperty(ext, name, { value, writable: true, enumerable: true, configurable: true })
}

function length(value: number, available: number, what: string): number {
  if (value >= 0 && value <= available) return value
  throw new MalformedError(
    `header: length ${value} of ${what} is not from 0 to the ${Math.max(available, 0)} bytes left`,
  )
}

/** Bytes that `writeBinaryHeader` will write. Throws FieldError for what the form cannot carry. */
export function binaryHeaderBytes(header: CommandHeader): number {
  // Apache cuts a larger code down to its low 16 bits, which makes another request of it (POP_MESSAGE is 200050).
  if (header.code > 0x7fff || header.code < -0x8000)
    throw new FieldError(
      'code',
      `${header.code} is not from -32768 to 32767, which is all that a ROCKETMQ header can carry`,
    )
  return BINARY_FIXED_BYTES + 4 + Buffer.byteLength(header.remark ?? '') + 4 + extFieldsBytes(header.extFields)
}

function extFieldsBytes(ext: ExtFields): number {
  let bytes = 0
  for (const name of Object.keys(ext)) {
    const value = ext[name]
    if (name === '' || value === undefined || value === null) continue
    const nameBytes = Buffer.byteLength(name)
    if (nameBytes > 0x7fff)
      throw new FieldError(name.slice(0, 40), `has a name of ${nameBytes} bytes; 32767 are allowed`)
    bytes += 6 + nameBytes + Buffer.byteLength(value)
  }
  return bytes
}

/** Writes the binary form to `at` and returns where it ends. */
export function writeBinaryHeader(header: CommandHeader, into: Buffer, at: number): number {
  into.writeInt16BE(header.code, at)
  into[at + 2] = languageCodes[header.language]
  into.writeInt16BE(header.version, at + 3)
  into.writeInt32BE(header.opaque, at + 5)
  into.writeInt32BE(header.flag, at + 9)
  const remarkBytes = into.write(header.remark ?? '', at + BINARY_FIXED_BYTES + 4)
  into.writeInt32BE(remarkBytes, at + BINARY_FIXED_BYTES)
  const extStart = at + BINARY_FIXED_BYTES + 4 + remarkBytes + 4
  let end = extStart
  for (const name of Object.keys(header.extFields)) {
    const value = header.extFields[name]
    if (name === '' || value === undefined || value === null) continue
    const nameBytes = into.write(name, end + 2)
    into.writeInt16BE(nameBytes, end)
    const valueBytes = into.write(value, end + 2 + nameBytes + 4)
    into.writeInt32BE(valueBytes, end + 2 + nameBytes)
    end += 6 + nameBytes + valueBytes
  }
  into.writeInt32BE(end - extStart, extStart - 4)
  return end
}
