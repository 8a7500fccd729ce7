import type { GroupMember, GroupRecord } from '@rocketcluster/protocol'

/** What a member is in its group. */
export type GroupRole =
  | { readonly kind: 'master'; readonly epoch: number; readonly record: GroupRecord }
  | { readonly kind: 'slave'; readonly master: GroupMember; readonly record: GroupRecord }
  /** There is no master that it could follow. */
  | { readonly kind: 'waiting'; readonly why: string }

/** How long a master counts as heard. */
const HEARD_MS = 2000
/** The first promise stands so long, then gives way to a smaller id; after the second, to any. */
const FIRST_PROMISE_MS = 3000
const ANY_PROMISE_MS = 6000

export interface MembershipOptions {
  readonly brokerId: number
  readonly storeId: string
  /** What was seen before this process started. */
  readonly record: GroupRecord | undefined
  readonly highestEpoch: number
  /** Random, a new one for each process and each promise. */
  readonly newProcessId: () => string
}

/**
 * What a member makes of the records that it sees (docs/decisions/mastership.md). Pure: who owns it makes durable what it has learnt
 * before it acts on it.
 */
export class Membership {
  readonly #options: MembershipOptions
  #record: GroupRecord | undefined
  #highestEpoch: number
  #processId: string
  #promise: { readonly recordId: string; readonly atMs: number } | undefined
  #heard: { readonly epoch: number; readonly atMs: number } | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#record = options.record
    this.#highestEpoch = options.highestEpoch
    this.#processId = options.newProcessId()
  }

  get record(): GroupRecord | undefined {
    return this.#record
  }

  get highestEpoch(): number {
    return this.#highestEpoch
  }

  get processId(): string {
    return this.#processId
  }

  /** The record about to be formed for which it took its present `processId`. */
  get promised(): string | undefined {
    return this.#promise?.recordId
  }

  /** Takes a record over when it is not older than what is known. Returns whether it is the one that is known now. */
  learn(record: GroupRecord): boolean {
    const known = this.#record
    if (record.masterEpoch < this.#highestEpoch) return false
    if (known !== undefined) {
      if (known.recordId === record.recordId) {
        if (record.syncStateSetEpoch < known.syncStateSetEpoch) return false
      } else if (!record.replaces.includes(known.recordId)) return false
    }
    this.#record = record
    this.#highestEpoch = Math.max(this.#highestEpoch, record.masterEpoch)
    return true
  }

  /** A master of `epoch` is there: nobody below it is followed any more. */
  sawEpoch(epoch: number): void {
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch)
  }

  get role(): GroupRole {
    const record = this.#record
    if (record === undefined || record.masterEpoch === 0 || record.masterBrokerId === undefined)
      return { kind: 'waiting', why: 'the group has no master yet' }
    if (record.masterEpoch < this.#highestEpoch)
      return { kind: 'waiting', why: `who is master of epoch ${this.#highestEpoch} is not known yet` }
    const { brokerId, storeId } = this.#options
    const master = record.members.find(member => member.brokerId === record.masterBrokerId)
    if (record.masterBrokerId !== brokerId) {
      if (master === undefined)
        return { kind: 'waiting', why: `the record does not say where broker ${record.masterBrokerId} is` }
      return { kind: 'slave', master, record }
    }
    // Only what was elected after its own start is master; and only with the store that was elected.
    if (record.masterProcessId !== this.#processId || master?.storeId !== storeId)
      return { kind: 'waiting', why: 'this broker was master before it started again' }
    return { kind: 'master', epoch: record.masterEpoch, record }
  }

  /** A controller is about to form a record. Returns whether this member promises itself to it, with a new process id. */
  promise(recordId: string, nowMs: number): boolean {
    const before = this.#promise
    if (before?.recordId === recordId) return false
    if (before !== undefined) {
      const ageMs = nowMs - before.atMs
      if (ageMs <= ANY_PROMISE_MS && !(recordId < before.recordId && ageMs > FIRST_PROMISE_MS)) return false
    }
    this.#promise = { recordId, atMs: nowMs }
    this.#processId = this.#options.newProcessId()
    return true
  }

  /** The master of `epoch` was heard on the replication link. */
  heard(epoch: number, atMs: number): void {
    if (epoch >= this.#highestEpoch) this.#heard = { epoch, atMs }
  }

  /** The link to the master is gone. */
  lostMaster(): void {
    this.#heard = undefined
  }

  /** The epoch of the master that is heard now; undefined when none is. */
  heardEpoch(nowMs: number): number | undefined {
    return this.#heard !== undefined && nowMs - this.#heard.atMs <= HEARD_MS ? this.#heard.epoch : undefined
  }
}
