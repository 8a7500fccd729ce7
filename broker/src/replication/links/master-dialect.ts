import type { RecordAssembler } from './record-assembler.ts'

/** A slave's connection to its master, as the frames of a kind of link see it. */
export interface LinkToMaster {
  /** False once it is being closed. */
  readonly isOpen: boolean
  write(bytes: Uint8Array): void
  /** From now on what comes is taken over; the first report goes out. */
  begin(assembler: RecordAssembler): void
  /** A frame of the log begins; 0 bytes are a beat. Throws RangeError when it is not what comes next. */
  frame(physicalOffset: number, bodyBytes: number): void
  /** Bytes of the log. Throws LinkProtocolError. */
  body(bytes: Buffer): void
  /** Nothing more is taken over or reported before this has resolved; when it rejects, the link is closed. */
  hold(until: Promise<void>): void
  /** Says again how far this log goes. */
  answerBeat(): void
  /** `refused`: that does not go away by itself. */
  close(message: string, refused?: boolean): void
}

/** How a slave speaks with its master on one connection: the frames of a kind of link. */
export interface MasterDialect {
  /** How often this master hears something and may be silent, when it is not as configured. Milliseconds. */
  readonly rhythm: { readonly heartbeatIntervalMs: number; readonly silenceMs: number } | undefined
  /** The connection is open. */
  open(link: LinkToMaster): void
  /** Throws Error when it is none of this kind of link. */
  feed(chunk: Buffer, link: LinkToMaster): void
  /** Everything before `physicalOffset` is here. Undefined when this master is not to be told anything any more. */
  report(physicalOffset: number): Uint8Array | undefined
}
