import type { CheckPoint } from './check-point.ts'

/** A pop's end in its queue, to be committed as the group's offset when the check point is safe. */
interface PendingOffset {
  readonly nextOffset: number
  /** undefined when the pop found nothing that matches: there is nothing to lose. */
  readonly point: CheckPoint | undefined
}

/**
 * How far one group has popped one queue, and what of that is not acknowledged. The group's committed offset follows behind:
 * it must never say more than what the log would show after a power cut.
 */
export class PopQueue {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  /** One pop at a time: two would take the same messages. */
  locked = false
  /** By `checkPointKey`. */
  readonly checkPoints = new Map<string, CheckPoint>()
  /** In the clock's monotonic milliseconds. */
  usedMs = 0
  /** The group begins here: that it did is not saved yet. */
  isNew = false
  /** Where the last pop that took something ended; undefined before the first. */
  lastEnd: number | undefined
  #pending: PendingOffset[] = []
  #head = 0

  constructor(topic: string, group: string, queueId: number) {
    this.topic = topic
    this.group = group
    this.queueId = queueId
  }

  /** Where the last pop ended, as long as that is not committed. */
  get latestOffset(): number | undefined {
    return this.#head < this.#pending.length ? this.#pending.at(-1)!.nextOffset : undefined
  }

  get pendingCount(): number {
    return this.#pending.length - this.#head
  }

  advance(nextOffset: number, point: CheckPoint | undefined): void {
    this.#pending.push({ nextOffset, point })
  }

  /** Forgets what is not committed: the group's offset was reset. */
  clearPending(): void {
    this.#pending = []
    this.#head = 0
    this.lastEnd = undefined
  }

  /** The offset that may be committed now that the log is on stable storage up to `flushedOffset`; undefined when none may. */
  takeCommittable(flushedOffset: number): number | undefined {
    let committable: number | undefined
    while (this.#head < this.#pending.length) {
      const { nextOffset, point } = this.#pending[this.#head]!
      if (point !== undefined && !isSafe(point, flushedOffset)) break
      committable = nextOffset
      this.#head++
    }
    if (this.#head > 32 && this.#head * 2 > this.#pending.length) {
      this.#pending = this.#pending.slice(this.#head)
      this.#head = 0
    }
    return committable
  }

  /** Offsets in the revive log of the check points that keep the group's offset back, with their revive queues. */
  *pendingPoints(): Generator<CheckPoint> {
    for (let i = this.#head; i < this.#pending.length; i++) {
      const { point } = this.#pending[i]!
      if (point !== undefined) yield point
    }
  }
}

/** Dealt with or in the log, and what says so is on stable storage. */
const isSafe = (point: CheckPoint, flushedOffset: number) =>
  (point.done || point.reviveOffset >= 0) && flushedOffset >= point.physicalEnd
