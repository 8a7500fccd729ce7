import type { Epoch } from '../replication.ts'

/** Where the logs of two members part. */
export type Parting =
  /** Everything before `offset` is the same in both; what either has behind it is not known to be. */
  | { readonly kind: 'common'; readonly offset: number }
  /** They share no epoch: nothing is known to be the same. */
  | { readonly kind: 'nothing' }

/**
 * Which epoch each byte of a log was written in: every master begins a new one where its log ends (EpochFileCache.java). Two logs
 * that have the same epoch beginning at the same offset are the same up to where either of the two leaves that epoch, since
 * only one member ever was its master.
 */
export class EpochHistory {
  readonly #entries: Epoch[]

  /** Throws RangeError when they are not in order. */
  constructor(entries: readonly Epoch[] = []) {
    this.#entries = []
    for (const entry of entries) this.append(entry)
  }

  /** Oldest first. */
  get entries(): readonly Epoch[] {
    return this.#entries
  }

  get last(): Epoch | undefined {
    return this.#entries.at(-1)
  }

  /** A new epoch begins. Throws RangeError when it is not a later one, or begins before the last one. */
  append({ epoch, startOffset }: Epoch): void {
    const { last } = this
    if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0x7fffffff)
      throw new RangeError(`epoch ${epoch}; allowed is a whole number from 0 to ${0x7fffffff}`)
    if (!Number.isSafeInteger(startOffset) || startOffset < 0)
      throw new RangeError(`epoch ${epoch} begins at ${startOffset}; allowed is an offset from 0`)
    if (last !== undefined && epoch <= last.epoch)
      throw new RangeError(`epoch ${epoch} behind epoch ${last.epoch}; allowed is a later one`)
    if (last !== undefined && startOffset < last.startOffset)
      throw new RangeError(`epoch ${epoch} begins at ${startOffset}, before epoch ${last.epoch} at ${last.startOffset}`)
    // An epoch in which nothing was written is of no use to anybody once there is a later one at its place.
    if (last?.startOffset === startOffset) this.#entries.pop()
    this.#entries.push({ epoch, startOffset })
  }

  /** Nothing is known. */
  clear(): void {
    this.#entries.length = 0
  }

  /** Epochs behind `epoch` never were. */
  dropAfter(epoch: number): void {
    while (this.#entries.length > 0 && this.last!.epoch > epoch) this.#entries.pop()
  }

  /** The log ends at `offset` now: epochs that begin behind it never were. One that begins there, empty, stays. */
  truncateTo(offset: number): void {
    while (this.#entries.length > 0 && this.last!.startOffset > offset) this.#entries.pop()
  }

  /** The log begins at `minOffset` now: epochs that end before it are forgotten. */
  forgetBefore(minOffset: number): void {
    while (this.#entries.length > 1 && this.#entries[1]!.startOffset <= minOffset) this.#entries.shift()
  }

  /** The epoch that the byte at `offset` belongs to; undefined before the first. */
  at(offset: number): Epoch | undefined {
    return this.#entries.findLast(({ startOffset }) => startOffset <= offset)
  }

  /** Where the epoch that `offset` lies in ends; Infinity for the last. */
  endAt(offset: number): number {
    return this.#entries.find(({ startOffset }) => startOffset > offset)?.startOffset ?? Number.POSITIVE_INFINITY
  }

  /** How far this log, which ends at `end`, and another one are the same. */
  partingFrom(other: EpochHistory, end: number, otherEnd: number): Parting {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const { epoch, startOffset } = this.#entries[i]!
      const j = other.#entries.findIndex(entry => entry.epoch === epoch)
      if (j < 0 || other.#entries[j]!.startOffset !== startOffset) continue
      const mine = this.#entries[i + 1]?.startOffset ?? end
      const theirs = other.#entries[j + 1]?.startOffset ?? otherEnd
      return { kind: 'common', offset: Math.min(mine, theirs, end, otherEnd) }
    }
    return { kind: 'nothing' }
  }
}
