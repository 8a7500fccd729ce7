import { type CommandHeader, decodeHeader } from '../command.ts'
import type { Frame } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import type { Language } from '../language.ts'
import { updateConsumerOffset } from '../requests/update-consumer-offset.ts'
import { HeaderScanner } from './scanner.ts'
import { int, long, text, UNUSUAL } from './texts.ts'

/** An UPDATE_CONSUMER_OFFSET: the typed header and what an answer needs. */
export interface UpdateConsumerOffsetRequest {
  readonly code: number
  readonly opaque: number
  readonly flag: number
  readonly version: number
  readonly language: Language
  readonly consumerGroup: string
  readonly topic: string
  readonly queueId: number
  readonly commitOffset: number
}

const SCANNER = new HeaderScanner(Object.keys(updateConsumerOffset.header))

/** Throws MalformedError and FieldError. */
export function decodeUpdateConsumerOffset(frame: Frame): UpdateConsumerOffsetRequest {
  return scanned(frame) ?? ordinary(decodeHeader(frame))
}

function scanned(frame: Frame): UpdateConsumerOffsetRequest | undefined {
  const scan = SCANNER
  if (!scan.scan(frame)) return undefined
  const { buffer } = frame
  try {
    return {
      code: scan.code,
      opaque: scan.opaque,
      flag: scan.flag,
      version: scan.version,
      language: scan.language,
      consumerGroup: text(scan, buffer, 0),
      topic: text(scan, buffer, 1),
      queueId: int(scan, buffer, 2),
      commitOffset: long(scan, buffer, 3),
    }
  } catch (error) {
    if (error === UNUSUAL) return undefined
    throw error
  }
}

function ordinary(header: CommandHeader): UpdateConsumerOffsetRequest {
  const { code, opaque, flag, version, language } = header
  const fields = compileHeader(updateConsumerOffset.header).decode(header.extFields)
  return { code, opaque, flag, version, language, ...fields }
}
