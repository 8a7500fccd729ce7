import type { ResponseCodeName } from '@rocketcluster/protocol'
import type { GroupRecord } from './record.ts'

/** What a pure operation says: a new record to be swapped in, nothing to do, or a refusal. It has done nothing yet. */
export type Decision = Change | Removal | Keep | Refusal

/** `record` in place of the one that was given. It has happened only when the swap has. */
export interface Change {
  readonly kind: 'change'
  readonly record: GroupRecord
  /** One sentence for the log, the record and an Event. */
  readonly why: string
  /** Messages that were acknowledged may be lost by this: an election outside the set. */
  readonly mayLose?: true
}

export interface Removal {
  readonly kind: 'remove'
  readonly why: string
}

export interface Keep {
  readonly kind: 'keep'
  readonly why: string
  /** A record is to be formed, all members are here, and they are to take new process ids for it. */
  readonly askToPromise?: true
}

export interface Refusal {
  readonly kind: 'refuse'
  readonly status: Exclude<ResponseCodeName, 'SUCCESS'>
  readonly why: string
}

export const change = (record: GroupRecord, why: string): Change => ({ kind: 'change', record, why })
export const keep = (why: string): Keep => ({ kind: 'keep', why })
export const refuse = (status: Refusal['status'], why: string): Refusal => ({ kind: 'refuse', status, why })
