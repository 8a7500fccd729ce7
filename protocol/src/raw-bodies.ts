import { FieldError } from './errors.ts'
import type { BodyCodec } from './request.ts'

/** A body that is just bytes: a message, records of the log, something whose form the header decides. */
export const bytesBody: BodyCodec<Uint8Array> = {
  encode: value => value,
  decode: bytes => bytes,
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A body of UTF-8 text: Java properties, JSON that is handed through, a bare name. */
export const textBody: BodyCodec<string> = {
  encode: value => Buffer.from(value, 'utf8'),
  decode(bytes) {
    try {
      return UTF8.decode(bytes)
    } catch {
      throw new FieldError('body', `${bytes.length} bytes are not UTF-8 text`)
    }
  },
}
