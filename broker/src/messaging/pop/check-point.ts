/** A pop takes at most so many messages at once; each has a bit in its check point (PopMessageProcessor.java). */
export const MAX_POP_MESSAGES = 32

export interface CheckPointFields {
  /** The topic that was read, maybe a retry topic. */
  readonly topic: string
  readonly group: string
  readonly queueId: number
  /** Where the pop began in its queue. */
  readonly startOffset: number
  /** When, and for how long the messages are invisible: milliseconds. */
  readonly popTime: number
  readonly invisibleTime: number
  /** Distance of each message from startOffset, ascending. */
  readonly diffs: readonly number[]
  readonly brokerName: string
  /** The queue of the revive topic that this check point and its acks lie in. */
  readonly reviveQueueId: number
  /** Where the pop before this one ended: what lies between the two is nothing that the group wants. Absent from Apache's. */
  readonly previousEnd?: number
  /** Where the next pop begins. Absent from Apache's. */
  readonly nextOffset?: number
}

/**
 * What one pop took from one queue and who has acknowledged what of it (PopCheckPoint.java). It lives until each message is
 * acknowledged, or has been given to the retry topic when its time was up.
 */
export class CheckPoint {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  readonly startOffset: number
  readonly popTime: number
  readonly invisibleTime: number
  readonly diffs: readonly number[]
  readonly brokerName: string
  readonly reviveQueueId: number
  readonly previousEnd: number
  readonly nextOffset: number
  /** One bit for each of `diffs`. */
  acked = 0
  /** Acks that are on their way to the disk: until they are there the check point is needed. */
  acksUnderWay = 0
  /** Offset of its newest record in the revive queue; -1 while it is in memory only. */
  reviveOffset = -1
  /** Physical offset behind that record. */
  physicalEnd = 0
  /** When it is looked at next; its end of invisibility, or later after a failure. */
  dueMs: number
  /** Attempts to revive it that failed. */
  failures = 0
  /** A worker reads its messages. */
  reviving = false
  /** Every message was acknowledged or revived. */
  done = false

  constructor(fields: CheckPointFields) {
    this.topic = fields.topic
    this.group = fields.group
    this.queueId = fields.queueId
    this.startOffset = fields.startOffset
    this.popTime = fields.popTime
    this.invisibleTime = fields.invisibleTime
    this.diffs = fields.diffs
    this.brokerName = fields.brokerName
    this.reviveQueueId = fields.reviveQueueId
    this.previousEnd = fields.previousEnd ?? fields.startOffset
    this.nextOffset = fields.nextOffset ?? fields.startOffset + (fields.diffs.at(-1) ?? -1) + 1
    this.dueMs = fields.popTime + fields.invisibleTime
  }

  get reviveTime(): number {
    return this.popTime + this.invisibleTime
  }

  /** Distinguishes the check points of one queue. */
  get key(): string {
    return checkPointKey(this.startOffset, this.popTime)
  }

  /** Index of a queue offset; -1 when this pop has not taken it. */
  indexOf(queueOffset: number): number {
    return this.diffs.indexOf(queueOffset - this.startOffset)
  }

  isAcked(index: number): boolean {
    return ((this.acked >>> index) & 1) === 1
  }

  ack(index: number): void {
    this.acked |= 1 << index
  }

  unack(index: number): void {
    this.acked &= ~(1 << index)
  }

  get unackedCount(): number {
    let count = 0
    for (let i = 0; i < this.diffs.length; i++) if (!this.isAcked(i)) count++
    return count
  }

  get allAcked(): boolean {
    return this.unackedCount === 0
  }
}

export const checkPointKey = (startOffset: number, popTime: number): string => `${startOffset}@${popTime}`
