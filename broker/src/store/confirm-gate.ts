import type { World } from '@rocketcluster/world'
import type { CommitGroup, Put } from './commit-group.ts'

/** Messages held in memory until they are confirmed; when there are more, they are read from the log again. */
const MOST_HELD = 65_536
/** After the disk refused to read what was confirmed. */
const TRY_AGAIN_MS = 500

/** What the gate needs of the log that it stands in. */
export interface GatedLog {
  /** Everything before it is stored as it is declared. */
  durable(): number
  /** The group's messages, those that it still has, become readable; who waits for them is answered. */
  release(group: CommitGroup): void
  /** These are counted as stored. */
  count(puts: readonly Put[]): void
  /** These become readable. */
  makeReadable(puts: readonly Put[]): void
  /**
   * Hands over the messages between two boundaries of records, some at a time, each time with where they end. Resolves to
   * where the last one ends. Rejects with DiskError.
   */
  read(from: number, to: number, visit: (puts: readonly Put[], end: number) => void): Promise<number>
}

/**
 * What is stored waits here until it is known that no other master takes it back. Messages that came in this process's life wait in
 * memory, in their groups; those of the life before, and those that are too many, are read from the log when they are confirmed.
 *
 *     readable <= backlogEnd <= what `#groups` begins with … durable
 *     readable <= confirmed
 */
export class ConfirmGate {
  readonly #world: World
  readonly #log: GatedLog
  /** Written, not confirmed, in the order of the log. Those that end at or before `#backlogEnd` have no messages any more, only who waits. */
  #groups: CommitGroup[] = []
  /** How many of the first ones have been answered already: too late. */
  #late = 0
  #held = 0
  #confirmed = 0
  #readable = 0
  #backlogEnd = 0
  #catchingUp: Promise<void> | undefined
  #stopped = false

  constructor(world: World, log: GatedLog) {
    this.#world = world
    this.#log = log
  }

  /** Recovery has found the log's end, and how far it is readable: so far it is confirmed. */
  start(end: number, readable: number): void {
    this.#confirmed = this.#readable = readable
    this.#backlogEnd = end
  }

  /** Nothing before it is ever taken back. */
  get confirmed(): number {
    return this.#confirmed
  }

  get readable(): number {
    return this.#readable
  }

  /** Whether messages wait that are not in memory. */
  get #isBehind(): boolean {
    return this.#readable < this.#backlogEnd
  }

  /** The group is stored: its messages become readable at once, or when they are confirmed. Returns whether they wait. */
  hold(group: CommitGroup): boolean {
    if (group.end <= this.#confirmed && this.#groups.length === 0 && !this.#isBehind) {
      this.#release(group)
      return false
    }
    this.#groups.push(group)
    this.#held += group.puts.length
    if (this.#held > MOST_HELD) this.#fold()
    return true
  }

  /** Everything before it stays; beyond what is stored nobody can know. */
  confirm(physicalOffset: number): void {
    const confirmed = Math.min(physicalOffset, this.#log.durable())
    if (!(confirmed > this.#confirmed)) return
    this.#confirmed = confirmed
    this.#open()
  }

  #open(): void {
    if (this.#isBehind) {
      if (this.#readable < this.#target() && !this.#stopped) this.#catchingUp ??= this.#catchUp()
      return
    }
    const groups = this.#groups
    let done = 0
    for (; done < groups.length && groups[done]!.end <= this.#confirmed; done++) this.#release(groups[done]!)
    this.#drop(done)
    if (groups.length > 0) this.#releasePart(groups[0]!)
  }

  #release(group: CommitGroup): void {
    this.#readable = group.end
    this.#log.release(group)
  }

  #drop(count: number): void {
    if (count === 0) return
    for (const { puts } of this.#groups.splice(0, count)) this.#held -= puts.length
    this.#late = Math.max(0, this.#late - count)
  }

  /** Replicas have their own groups: what they have may end in the midst of one. */
  #releasePart({ puts }: CommitGroup): void {
    let count = 0
    while (count < puts.length && endOf(puts[count]!) <= this.#confirmed) count++
    if (count === 0) return
    const part = puts.splice(0, count)
    this.#held -= count
    this.#readable = endOf(part[count - 1]!)
    this.#log.count(part)
    this.#log.makeReadable(part)
  }

  /** Memory has no room for all that waits: the log has it too. */
  #fold(): void {
    const groups = this.#groups
    this.#backlogEnd = groups[groups.length - 1]!.end
    const waiting = groups.filter(({ durable }, i) => durable !== undefined && i >= this.#late)
    for (const { puts } of groups) {
      this.#log.count(puts)
      puts.length = 0
    }
    this.#groups = waiting
    this.#late = 0
    this.#held = 0
    this.#open()
  }

  async #catchUp(): Promise<void> {
    try {
      for (let to = this.#target(); this.#readable < to && !this.#stopped; to = this.#target()) {
        const before = this.#readable
        const end = await this.#log.read(before, to, (puts, end) => this.#caughtUp(puts, end))
        if (!this.#stopped) this.#caughtUp([], end)
        // Confirmed is a part of a record: the rest will be.
        if (this.#readable === before && this.#target() === to) break
      }
    } catch (error) {
      this.#world.log.error({ error, from: this.#readable }, 'reading messages that are confirmed failed; trying again')
      this.#world.clock.setTimeout(() => {
        this.#catchingUp = undefined
        if (!this.#stopped) this.#open()
      }, TRY_AGAIN_MS)
      return
    }
    this.#catchingUp = undefined
    if (!this.#isBehind && !this.#stopped) this.#open()
  }

  #target(): number {
    return Math.min(this.#confirmed, this.#backlogEnd)
  }

  #caughtUp(puts: readonly Put[], end: number): void {
    if (this.#stopped || end <= this.#readable) return
    this.#readable = end
    if (puts.length > 0) this.#log.makeReadable(puts)
    let done = 0
    for (; done < this.#groups.length && this.#groups[done]!.end <= Math.min(end, this.#backlogEnd); done++)
      this.#groups[done]!.durable?.resolve('PUT_OK')
    this.#drop(done)
  }

  /** The waiting group that holds the byte before `physicalEnd`. */
  groupOf(physicalEnd: number): CommitGroup | undefined {
    return this.#groups.find(({ end }) => physicalEnd <= end)
  }

  /** Answers those that were written `timeoutMs` ago. Returns in how many milliseconds the next one is late; Infinity when there is none. */
  answerLate(nowMs: number, timeoutMs: number): number {
    for (; this.#late < this.#groups.length; this.#late++) {
      const { writtenMs, durable } = this.#groups[this.#late]!
      const leftMs = writtenMs + timeoutMs - nowMs
      if (leftMs > 0) return leftMs
      durable?.resolve('FLUSH_SLAVE_TIMEOUT')
    }
    return Number.POSITIVE_INFINITY
  }

  /** Nothing becomes readable any more; who still waits is told that it was not confirmed. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const { durable } of this.#groups) durable?.resolve('FLUSH_SLAVE_TIMEOUT')
    await this.#catchingUp
  }
}

const endOf = (put: Put) => put.physicalOffset + put.sizeBytes
