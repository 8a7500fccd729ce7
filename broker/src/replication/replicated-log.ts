/** Bytes of the log as they are on the disk, records and blanks. To be given back with `release`. */
export interface LogStretch {
  /** Physical offset of the first byte. */
  readonly start: number
  /** In order, without gaps, all of one file of the log; empty when nothing is written behind `start`. Only to be read. */
  readonly slices: readonly Uint8Array[]
  /** Physical offset behind the last byte. */
  readonly end: number
  /** The slices may be used for something else from now on. */
  release(): void
}

/** What replication needs of a store. Offsets are physical, in bytes; see `Store`, which is one. */
export interface ReplicatedLog {
  /** Of the oldest byte kept: the start of a file. */
  readonly minPhysicalOffset: number
  /** Behind the last record that has a place. */
  readonly maxPhysicalOffset: number
  /** Everything before it has been taken by the disk; always a boundary of records. */
  readonly committedOffset: number
  /** Whether everything that has a place has been taken by the disk. */
  readonly settled: boolean
  /** Everything before it is on stable storage. */
  readonly flushedOffset: number
  /** Everything before it stays here whatever happens to this machine as far as is declared: written, and with SYNC_FLUSH synced. */
  readonly durableOffset: number
  /** Everything before it can be consumed: as durable as declared, and under a controller never rolled back. */
  readonly readableOffset: number

  /**
   * Up to `maxBytes` from `physicalOffset` on, never beyond `committedOffset` nor the end of a file; at once when they are in
   * memory. Throws or rejects with RangeError for what is not kept (any more, or yet), with DiskError when the disk fails.
   */
  readLog(physicalOffset: number, maxBytes: number): LogStretch | Promise<LogStretch>

  /**
   * Takes over whole records and blanks of a master's log, which begin at `physicalOffset`: that must be where this log ends.
   * Of a blank, which comes last, the head is enough. The bytes are copied. Throws ReplicationError when they are not what belongs there (place, length, magic, CRC), and then
   * takes none of them; ResponseError when the disk is full or has failed, or SYSTEM_BUSY when it cannot follow: wait for `onAdvance`.
   */
  appendReplicated(physicalOffset: number, records: Buffer): void

  /** Replicas have everything before it: who waits for that is answered. Infinity: nobody waits for replicas. */
  replicated(physicalOffset: number): void

  /** An empty log begins at `physicalOffset`, the start of a file of the master's log. Throws Error when it cannot. */
  startAt(physicalOffset: number): void

  /** Called after every write, sync or failure, once per group: `committedOffset` or `flushedOffset` has moved. */
  addAdvanceListener(listener: () => void): () => void
}

/** Bytes that a link brought are not what belongs into the log. The link has to be closed; nothing was taken. */
export class ReplicationError extends Error {
  override readonly name = 'ReplicationError'
}
