import { type CommandHeader, decodeHeader } from '../command.ts'
import type { Frame } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import type { Language } from '../language.ts'
import { pullHeader } from '../requests/common/pull-fields.ts'
import { HeaderScanner } from './scanner.ts'
import { int, long, optionalInt, optionalText, text, UNUSUAL } from './texts.ts'

/** A PULL_MESSAGE or LITE_PULL_MESSAGE: the typed header and what an answer needs. */
export interface PullRequest {
  readonly code: number
  readonly opaque: number
  readonly flag: number
  readonly version: number
  readonly language: Language
  readonly consumerGroup: string
  readonly topic: string
  readonly liteTopic: string | undefined
  readonly queueId: number
  readonly queueOffset: number
  readonly maxMsgNums: number
  readonly sysFlag: number
  readonly commitOffset: number
  readonly suspendTimeoutMillis: number
  readonly subscription: string | undefined
  readonly subVersion: number
  readonly expressionType: string | undefined
  readonly maxMsgBytes: number | undefined
  readonly requestSource: number | undefined
  readonly proxyFrowardClientId: string | undefined
}

const SCANNER = new HeaderScanner(Object.keys(pullHeader))

/** Throws MalformedError and FieldError. */
export function decodePull(frame: Frame): PullRequest {
  return scanned(frame) ?? ordinary(decodeHeader(frame))
}

function scanned(frame: Frame): PullRequest | undefined {
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
      liteTopic: optionalText(scan, buffer, 2),
      queueId: int(scan, buffer, 3),
      queueOffset: long(scan, buffer, 4),
      maxMsgNums: int(scan, buffer, 5),
      sysFlag: int(scan, buffer, 6),
      commitOffset: long(scan, buffer, 7),
      suspendTimeoutMillis: long(scan, buffer, 8),
      subscription: optionalText(scan, buffer, 9),
      subVersion: long(scan, buffer, 10),
      expressionType: optionalText(scan, buffer, 11),
      maxMsgBytes: optionalInt(scan, buffer, 12),
      requestSource: optionalInt(scan, buffer, 13),
      proxyFrowardClientId: optionalText(scan, buffer, 14),
    }
  } catch (error) {
    if (error === UNUSUAL) return undefined
    throw error
  }
}

function ordinary(header: CommandHeader): PullRequest {
  const { code, opaque, flag, version, language } = header
  return { code, opaque, flag, version, language, ...compileHeader(pullHeader).decode(header.extFields) }
}
