import { FieldError, type GroupMember, type GroupRecord, groupRecord } from '@rocketcluster/protocol'

export type { GroupMember, GroupRecord } from '@rocketcluster/protocol'

/** The record cannot be what a controller wrote: edited by hand, torn, or of a later version. Says which field and why. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
}

/** The text under which record stores keep a record: indented JSON, for people who look. */
export function printRecord(record: GroupRecord): string {
  // fastjson's bare keys never occur here: all keys are names.
  return `${JSON.stringify(JSON.parse(groupRecord.encodeStandard(record).toString('utf8')), undefined, 2)}\n`
}

/** Reads what `printRecord` wrote. Throws RecordError: a record that contradicts itself must not decide anything. */
export function parseRecord(text: string): GroupRecord {
  let record: GroupRecord
  try {
    record = groupRecord.parse(text)
  } catch (error) {
    if (error instanceof FieldError) throw new RecordError(error.message, { cause: error })
    throw error
  }
  const problem = problemOf(record)
  if (problem !== undefined) throw new RecordError(problem)
  return { ...record, syncStateSet: ascending(record.syncStateSet) }
}

function problemOf(record: GroupRecord): string | undefined {
  const { masterBrokerId, masterEpoch, syncStateSet, syncStateSetEpoch, nextBrokerId, members } = record
  const ids = members.map(({ brokerId }) => brokerId)
  if (record.recordId === '') return 'recordId: is empty'
  if (record.brokerName === '') return 'brokerName: is empty'
  if (masterEpoch < 0) return `masterEpoch: ${masterEpoch} is below 0`
  if (syncStateSetEpoch < masterEpoch)
    return `syncStateSetEpoch: ${syncStateSetEpoch} is below masterEpoch ${masterEpoch}, and every election raises both`
  const wrongId = ids.find(id => !Number.isSafeInteger(id) || id < 1)
  if (wrongId !== undefined) return `members: broker id ${wrongId} is not a whole number from 1`
  if (new Set(ids).size < ids.length) return `members: ${ids.join(', ')} names a broker id twice`
  const stores = members.map(({ storeId }) => storeId).filter(storeId => storeId !== '')
  if (new Set(stores).size < stores.length) return 'members: two of them have the same storeId'
  if (new Set(syncStateSet).size < syncStateSet.length)
    return `syncStateSet: ${syncStateSet.join(', ')} has an id twice`
  const stranger = syncStateSet.find(id => !ids.includes(id))
  if (stranger !== undefined) return `syncStateSet: ${stranger} is not the id of a member`
  if (masterBrokerId !== undefined && masterEpoch === 0)
    return `masterBrokerId: ${masterBrokerId} at masterEpoch 0, where there has never been a master`
  const tooHigh = ids.find(id => id >= nextBrokerId)
  if (tooHigh !== undefined) return `nextBrokerId: ${nextBrokerId} is not above broker id ${tooHigh}, which is given`
  return undefined
}

export function memberOf(record: GroupRecord, brokerId: number | undefined): GroupMember | undefined {
  return record.members.find(member => member.brokerId === brokerId)
}

/** The members with this one in it, in the order of their ids. */
export function withMember(record: GroupRecord, member: GroupMember): GroupMember[] {
  return [...record.members.filter(({ brokerId }) => brokerId !== member.brokerId), member].sort(
    (a, b) => a.brokerId - b.brokerId,
  )
}

/**
 * The member whose mastership stands. A process is master only through an election made after its own start: one that has
 * restarted since (its processId is another) is a member like the others until it is elected again.
 */
export function masterOf(record: GroupRecord): GroupMember | undefined {
  const member = memberOf(record, record.masterBrokerId)
  if (!member || member.processId !== record.masterProcessId) return undefined
  return record.syncStateSet.includes(member.brokerId) ? member : undefined
}

/** Whether both say the same of masters and sets; who wrote them and which address a member has today does not count. */
export function sameMastership(a: GroupRecord, b: GroupRecord): boolean {
  return (
    a.recordId === b.recordId &&
    a.masterEpoch === b.masterEpoch &&
    a.masterBrokerId === b.masterBrokerId &&
    a.masterProcessId === b.masterProcessId &&
    a.syncStateSetEpoch === b.syncStateSetEpoch &&
    a.syncStateSet.length === b.syncStateSet.length &&
    a.syncStateSet.every(id => b.syncStateSet.includes(id))
  )
}

export function ascending(ids: Iterable<number>): number[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}

/** `1, 2 and 3`, for sentences; `nobody` when there is none. */
export function listed(ids: Iterable<number>): string {
  const names = ascending(ids).map(String)
  if (names.length === 0) return 'nobody'
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
