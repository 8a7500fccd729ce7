import { encodeReport, FrameReader } from './classic-frames.ts'
import type { LinkToMaster, MasterDialect } from './master-dialect.ts'
import type { RecordAssembler } from './record-assembler.ts'

/** Outside of controller mode (DefaultHAClient.java): a slave says where it goes on, and gets the log from there. */
export class ClassicMasterDialect implements MasterDialect {
  readonly rhythm = undefined
  readonly #frames = new FrameReader()
  readonly #assembler: RecordAssembler

  constructor(assembler: RecordAssembler) {
    this.#assembler = assembler
  }

  open(link: LinkToMaster): void {
    link.begin(this.#assembler)
  }

  feed(chunk: Buffer, link: LinkToMaster): void {
    this.#frames.feed(
      chunk,
      (physicalOffset, bodyBytes) => link.frame(physicalOffset, bodyBytes),
      bytes => link.body(bytes),
    )
  }

  report(physicalOffset: number): Buffer {
    return encodeReport(physicalOffset)
  }
}
