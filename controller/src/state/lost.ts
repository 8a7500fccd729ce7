import { type GroupRecord, listed, memberOf } from './record.ts'
import type { MemberReport, Reports } from './report.ts'

/**
 * Why the record cannot be the latest one: a live member has seen a later. Undefined when nobody says so. A deleted record
 * or a record store that was restored from a backup looks like this, and electing by it could lose what was acknowledged.
 */
export function whyLost(record: GroupRecord | undefined, reports: Reports): string | undefined {
  for (const report of reports.values()) {
    const why = contradiction(record, report)
    if (why !== undefined) return why
  }
  return undefined
}

function contradiction(record: GroupRecord | undefined, { brokerId, storeId, seen }: MemberReport): string | undefined {
  if (!seen || seen.masterEpoch === 0) return undefined
  if (!record || record.masterEpoch === 0)
    return `RecordLost: there is no record of a master, and broker ${brokerId} has seen epoch ${seen.masterEpoch}`
  if (seen.recordId !== record.recordId) {
    // It knows one that this was made from, or it is a stranger, whom registration refuses.
    if (isOfThisGroup(record, seen) || memberOf(record, brokerId)?.storeId !== storeId) return undefined
    return `RecordLost: broker ${brokerId} has seen epoch ${seen.masterEpoch} of record ${seen.recordId}, and this is ${record.recordId}`
  }
  if (seen.masterEpoch > record.masterEpoch || seen.syncStateSetEpoch > record.syncStateSetEpoch)
    return (
      `RecordLost: the record is at epoch ${record.masterEpoch} with in-sync set epoch ${record.syncStateSetEpoch}, ` +
      `and broker ${brokerId} has seen ${seen.masterEpoch} with ${seen.syncStateSetEpoch}`
    )
  // Rolled back, and gone on from there with other decisions. Every decision raises the set's epoch, every election both.
  const otherMaster = seen.masterBrokerId !== record.masterBrokerId
  const fork =
    seen.masterEpoch === record.masterEpoch && seen.masterBrokerId !== undefined && record.masterBrokerId !== undefined
      ? otherMaster
      : seen.syncStateSetEpoch === record.syncStateSetEpoch && otherMaster
  const otherSet =
    seen.syncStateSetEpoch === record.syncStateSetEpoch && listed(seen.syncStateSet) !== listed(record.syncStateSet)
  return fork || otherSet
    ? `RecordLost: broker ${brokerId} has seen another decision at epoch ${seen.masterEpoch} with in-sync set epoch ${seen.syncStateSetEpoch}`
    : undefined
}

/** Whether a member that knows this record belongs to the group of `record`. */
export function isOfThisGroup(record: GroupRecord, seen: GroupRecord): boolean {
  return seen.recordId === record.recordId || record.replaces.includes(seen.recordId)
}
