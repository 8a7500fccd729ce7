import type { CheckPoint } from './check-point.ts'

interface Entry {
  readonly reviveOffset: number
  readonly point: CheckPoint
}

/** A queue of the revive topic: which of its check points are still needed, and from where a restart has to read. */
export class ReviveQueue {
  readonly queueId: number
  /** Offset of the last readable record; -1 when there is none. */
  tail = -1
  /** Check points in the log that are not done. */
  outstanding = 0
  /** Queue offsets that this process has appended and not yet heard of as readable: nobody has to read them back. */
  readonly own = new Set<number>()
  /** In the order of the queue. A point that was written once more has an entry further on too. */
  #entries: Entry[] = []
  #head = 0

  constructor(queueId: number) {
    this.queueId = queueId
  }

  /** The point's newest record lies at its reviveOffset. */
  add(point: CheckPoint): void {
    this.#entries.push({ reviveOffset: point.reviveOffset, point })
  }

  /** The check point that has been waiting for longest. */
  get oldest(): CheckPoint | undefined {
    while (this.#head < this.#entries.length) {
      const { reviveOffset, point } = this.#entries[this.#head]!
      if (!point.done && point.reviveOffset === reviveOffset) {
        this.#compact()
        return point
      }
      this.#head++
    }
    this.#compact()
    return undefined
  }

  /** Everything up to here has been dealt with; -1 when nothing has. */
  get progress(): number {
    const { oldest } = this
    return oldest === undefined ? this.tail : Math.min(oldest.reviveOffset - 1, this.tail)
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }
}
