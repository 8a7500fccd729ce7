import { encodeHeader, ReportReader } from './classic-frames.ts'
import type { SlaveDialect } from './slave-dialect.ts'

/** Outside of controller mode (DefaultHAConnection.java). */
export class ClassicDialect implements SlaveDialect {
  readonly identity = undefined
  readonly rhythm = undefined
  readonly #reports = new ReportReader()

  feed(chunk: Buffer): number | undefined {
    return this.#reports.feed(chunk)
  }

  header(physicalOffset: number, bytes: number): Buffer {
    return encodeHeader(physicalOffset, bytes)
  }

  endAt(): number {
    return Number.POSITIVE_INFINITY
  }
}
