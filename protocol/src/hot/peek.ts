import { decodeHeader } from '../command.ts'
import type { Frame } from '../frame.ts'
import { HeaderScanner } from './scanner.ts'

/** What a server needs to know to choose who handles a frame. */
export interface Peek {
  readonly code: number
  readonly opaque: number
  readonly flag: number
}

const SCANNER = new HeaderScanner([])

/** Code, opaque and flag of a frame; nothing else is made. Throws MalformedError for what is no header. */
export function peek(frame: Frame): Peek {
  if (!SCANNER.scan(frame)) return decodeHeader(frame)
  return { code: SCANNER.code, opaque: SCANNER.opaque, flag: SCANNER.flag }
}
