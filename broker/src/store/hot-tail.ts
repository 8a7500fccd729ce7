/** A stretch of the log in memory. It lies within one file of the log, and holds whole records only. */
export class Slab {
  readonly buffer: Buffer
  /** Physical offset of the first byte. */
  start = 0
  /** Bytes in use. */
  used = 0
  /** Results that point into the buffer: while there are any, it is not used for anything else. */
  readers = 0

  constructor(sizeBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(sizeBytes)
  }

  /** Physical offset behind the last byte in use. */
  get end(): number {
    return this.start + this.used
  }
}

/**
 * The newest part of the log: records are encoded straight into it, written to the disk from it, and served from it to
 * the readers that keep up. A ring of slabs: the oldest is reused when the newest is full, unless somebody still reads
 * it, then it is left to its readers and replaced.
 */
export class HotTail {
  readonly #slabSizeBytes: number
  readonly #maxSlabs: number
  /** In the order of their offsets; there may be gaps where a file ended. */
  readonly #slabs: Slab[] = []
  #current: Slab | undefined

  constructor(totalBytes: number, slabSizeBytes: number) {
    this.#slabSizeBytes = slabSizeBytes
    this.#maxSlabs = Math.max(2, Math.floor(totalBytes / slabSizeBytes))
  }

  get slabs(): readonly Slab[] {
    return this.#slabs
  }

  /** Physical offset of the oldest byte held, or Infinity when nothing is. */
  get start(): number {
    return this.#slabs.length > 0 ? this.#slabs[0]!.start : Number.POSITIVE_INFINITY
  }

  /**
   * Room for `size` bytes at the physical offset `at`, which is where the log ends. The caller writes them to
   * `slab.buffer` at `slab.used` and then adds to `used`. Slabs behind `keepFrom` are not given up: they are not
   * written yet, so the tail grows beyond its size instead; whoever appends bounds that.
   */
  reserve(size: number, at: number, keepFrom: number): Slab {
    const current = this.#current
    if (current !== undefined && current.end === at && current.used + size <= current.buffer.length) return current
    return this.#next(size, at, keepFrom)
  }

  #next(size: number, at: number, keepFrom: number): Slab {
    let free: Slab | undefined
    while (this.#slabs.length >= this.#maxSlabs && this.#slabs[0]!.end <= keepFrom) {
      const oldest = this.#slabs.shift()!
      if (oldest.readers === 0 && oldest.buffer.length === this.#slabSizeBytes) free = oldest
    }
    // A record longer than a slab gets one of its own, which is not kept.
    const slab = free !== undefined && size <= free.buffer.length ? free : new Slab(Math.max(size, this.#slabSizeBytes))
    slab.start = at
    slab.used = 0
    this.#slabs.push(slab)
    this.#current = slab
    return slab
  }

  /** A file ends here: what comes next goes into another slab, even where it follows without a gap. */
  seal(): void {
    this.#current = undefined
  }

  /** The slab that holds the byte at `physicalOffset`; undefined when it is older, or not there. */
  find(physicalOffset: number): Slab | undefined {
    const slabs = this.#slabs
    for (let i = slabs.length - 1; i >= 0; i--) {
      const slab = slabs[i]!
      if (physicalOffset >= slab.start) return physicalOffset < slab.start + slab.used ? slab : undefined
    }
    return undefined
  }

  /** Forgets everything from `physicalOffset` on. */
  truncate(physicalOffset: number): void {
    const slabs = this.#slabs
    while (slabs.length > 0 && slabs[slabs.length - 1]!.start >= physicalOffset) slabs.pop()
    const last = slabs[slabs.length - 1]
    // Nobody reads what is cut: it never became readable.
    if (last !== undefined && last.end > physicalOffset) last.used = physicalOffset - last.start
    this.#current = undefined
  }
}
