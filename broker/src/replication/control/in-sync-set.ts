import type { GroupMember, GroupRecord } from '@rocketcluster/protocol'

/** A replica as the master's links see it. Offsets are physical. */
export interface ReplicaView {
  readonly brokerId: number
  readonly storeId: string
  readonly bootId: string
  /** It has everything before it. */
  readonly ackOffset: number
  /** Monotonic milliseconds. */
  readonly heardMs: number
}

/** A member that says nothing for so long leaves the set (DESIGN part 6). */
const SILENT_MS = 2000
/** One whose link is gone has this long to come back. */
const GONE_MS = 300

export interface InSyncSetOptions {
  readonly brokerId: number
  /** replication Sync: acknowledged is what every member in sync has. */
  readonly sync: boolean
  /** minInSyncReplicas, the master included. */
  readonly minInSync: number
  /** haMaxTimeSlaveNotCatchup, milliseconds. */
  readonly maxLagMs: number
  /** Where this mastership's epoch begins. */
  readonly epochStart: number
  readonly record: GroupRecord
  /** When this mastership began. Monotonic milliseconds, as all times here. */
  readonly nowMs: number
}

interface Replica {
  view: ReplicaView | undefined
  /** When it last had a link. */
  linkedMs: number
  /** When it last had all that there was. */
  caughtUpMs: number
  /** Where the log ended at a moment, to see when it has that much. */
  mark: { readonly offset: number; readonly atMs: number }
}

/**
 * Who is in sync with a master, and what may be acknowledged: decided from what the links say and the record (docs/decisions/
 * mastership.md). Pure, one for each mastership.
 *
 * From asking for a larger set until its fate is known the master waits for old and new members together; a smaller set counts only
 * once the record has it.
 */
export class InSyncSet {
  readonly #options: InSyncSetOptions
  readonly #replicas = new Map<number, Replica>()
  #record: GroupRecord
  #proposed: readonly number[] | undefined
  #confirmed = 0
  #end = 0

  constructor(options: InSyncSetOptions) {
    this.#options = options
    this.#record = options.record
    this.#members(options.nowMs)
  }

  get record(): GroupRecord {
    return this.#record
  }

  /** A set whose fate is not known. */
  get proposed(): readonly number[] | undefined {
    return this.#proposed
  }

  /** The record has changed; of this mastership's epoch. */
  learn(record: GroupRecord, nowMs: number): void {
    this.#record = record
    this.#members(nowMs)
  }

  #members(nowMs: number): void {
    for (const { brokerId } of this.#record.members)
      if (brokerId !== this.#options.brokerId && !this.#replicas.has(brokerId))
        this.#replicas.set(brokerId, {
          view: undefined,
          // Who has just been elected gives the others time to come.
          linkedMs: nowMs + SILENT_MS - GONE_MS,
          caughtUpMs: nowMs,
          mark: { offset: this.#end, atMs: nowMs },
        })
  }

  /** What the links say now; `end`: everything before it is safe on the master itself. Returns the confirm offset. */
  look(views: readonly ReplicaView[], end: number, nowMs: number): number {
    this.#end = end
    for (const [brokerId, replica] of this.#replicas) {
      const member = this.#member(brokerId)
      // Of two links of one member the later word counts; another store's word counts for nothing.
      const mine = views.filter(
        view => view.brokerId === brokerId && view.storeId === member?.storeId && view.bootId === member.bootId,
      )
      const view = mine.sort((a, b) => b.heardMs - a.heardMs)[0]
      replica.view = view
      if (view === undefined) continue
      replica.linkedMs = nowMs
      if (view.ackOffset >= end) {
        replica.caughtUpMs = nowMs
        replica.mark = { offset: end, atMs: nowMs }
      } else if (view.ackOffset >= replica.mark.offset) {
        replica.caughtUpMs = Math.max(replica.caughtUpMs, replica.mark.atMs)
        replica.mark = { offset: end, atMs: nowMs }
      }
    }
    return this.#confirm()
  }

  #confirm(): number {
    let confirmed = this.#end
    if (this.#options.sync)
      for (const brokerId of this.#waitedFor())
        confirmed = Math.min(confirmed, this.#replicas.get(brokerId)?.view?.ackOffset ?? 0)
    // What was confirmed once stays so: a member that comes back with less is not in the set before it has more.
    this.#confirmed = Math.max(this.#confirmed, confirmed)
    return this.#confirmed
  }

  /** Whether what this member does not have is not acknowledged. */
  waitsFor(brokerId: number): boolean {
    return this.#waitedFor().has(brokerId)
  }

  #waitedFor(): Set<number> {
    const waited = new Set([...this.#record.syncStateSet, ...(this.#proposed ?? [])])
    waited.delete(this.#options.brokerId)
    return waited
  }

  #member(brokerId: number): GroupMember | undefined {
    return this.#record.members.find(member => member.brokerId === brokerId)
  }

  /** Why no message is to be taken now; undefined when all is well. */
  refusal(nowMs: number): string | undefined {
    const { minInSync, sync } = this.#options
    const { syncStateSet } = this.#record
    if (syncStateSet.length < minInSync)
      return `in-sync replicas not enough: ${syncStateSet.length} of the ${minInSync} that minInSyncReplicas asks for, this master included`
    if (sync) return undefined
    // With Async nobody is waited for, so a member that may elect another master must not be out of sight.
    const silent = syncStateSet.find(id => id !== this.#options.brokerId && this.#isSilent(id, nowMs))
    return silent === undefined
      ? undefined
      : `broker ${silent}, which is in sync, is silent: until the record says that it is not, no message is taken`
  }

  /** The set that the record should have; undefined when it has it, or one is proposed already. */
  proposal(nowMs: number): readonly number[] | undefined {
    if (this.#proposed !== undefined) return undefined
    const { brokerId: self, epochStart } = this.#options
    const { syncStateSet, members } = this.#record
    const wanted = members
      .map(({ brokerId }) => brokerId)
      .filter(brokerId => {
        if (brokerId === self) return true
        if (syncStateSet.includes(brokerId)) return !this.#isSilent(brokerId, nowMs) && !this.#lags(brokerId, nowMs)
        const { view } = this.#replicas.get(brokerId)!
        // It has all that was acknowledged, and something of this epoch's beginning: from asking on it is waited for.
        return (
          view !== undefined &&
          view.storeId !== '' &&
          !this.#isSilent(brokerId, nowMs) &&
          view.ackOffset >= epochStart &&
          (this.#options.sync ? view.ackOffset >= this.#confirmed : this.#caughtUpWithin(brokerId, nowMs))
        )
      })
      .sort((a, b) => a - b)
    return wanted.join() === [...syncStateSet].sort((a, b) => a - b).join() ? undefined : wanted
  }

  /** From now on these are waited for too. */
  propose(set: readonly number[]): void {
    this.#proposed = set
  }

  /** The fate of what was proposed is in the record that was learnt, or it is known to have failed. */
  settled(): void {
    this.#proposed = undefined
  }

  #isSilent(brokerId: number, nowMs: number): boolean {
    const { view, linkedMs } = this.#replicas.get(brokerId)!
    return view === undefined ? nowMs - linkedMs > GONE_MS : nowMs - view.heardMs > SILENT_MS
  }

  #lags(brokerId: number, nowMs: number): boolean {
    return nowMs - this.#replicas.get(brokerId)!.caughtUpMs > this.#options.maxLagMs
  }

  /** It had, a moment ago, all that there was then. */
  #caughtUpWithin(brokerId: number, nowMs: number): boolean {
    return nowMs - this.#replicas.get(brokerId)!.caughtUpMs <= SILENT_MS
  }
}
