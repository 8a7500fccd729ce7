import { change, type Decision, keep } from './decision.ts'
import { ascending, type GroupMember, type GroupRecord, listed, memberOf } from './record.ts'
import { byLog, isEmpty, isOurs, type MemberReport, type Reports } from './report.ts'

export interface FormOptions {
  readonly clusterName: string
  readonly brokerName: string
  /** For the record that would be made; never one that a swap was already tried with. */
  readonly newRecordId: string
  /** Do not wait for members that are missing: what only they have may be lost. */
  readonly allowUncleanElection?: boolean
}

/**
 * Makes the group's first record, or one in place of a record that is lost. It is done only when every member has reported:
 * the first is made when all stores are empty; a lost one goes on above the highest epoch that anyone has seen, with the set
 * last known at it. `keep` says whom or what it waits for.
 *
 * Each member first takes a new process id for this very record (`promised`). Without that, a notice of an earlier record that
 * nobody has seen yet, still under way, could make a member master of an epoch that this decision knows nothing of.
 */
export function formRecord(record: GroupRecord | undefined, reports: Reports, options: FormOptions): Decision {
  const { clusterName, brokerName, newRecordId, allowUncleanElection = false } = options
  const members = [...reports.values()].sort((a, b) => a.brokerId - b.brokerId)
  const stranger = members.find(member => !isOurs(member))
  if (stranger)
    return keep(
      `broker ${stranger.brokerId} at ${stranger.address} does not say which store it is; it can only join by CONTROLLER_APPLY_BROKER_ID`,
    )
  const last = latest(members)
  const missing = missingMembers(record, members, last)
  if (members.length === 0) return keep('no member is here')
  if (missing !== undefined && !allowUncleanElection) return keep(`${lostOr(last)}${missing}`)
  const holdingOn = members.filter(({ promised }) => promised !== newRecordId)
  if (holdingOn.length > 0) {
    const ids = listed(holdingOn.map(({ brokerId }) => brokerId))
    return {
      ...keep(`${lostOr(last)}waits for broker ${ids} to promise itself to record ${newRecordId}`),
      askToPromise: true,
    }
  }

  const { winner, set, mayLose } = choose(members, last, missing !== undefined)
  const epochs = members.flatMap(({ seen, logEpoch }) => [logEpoch, seen?.masterEpoch ?? 0])
  const setEpochs = members.map(({ seen }) => seen?.syncStateSetEpoch ?? 0)
  const masterEpoch = Math.max(0, record?.masterEpoch ?? 0, ...epochs) + 1
  const isNew = last === undefined && record === undefined
  const formed: GroupRecord = {
    recordId: newRecordId,
    replaces: ascendingNames([
      ...(record ? [...record.replaces, record.recordId] : []),
      ...members.flatMap(({ seen }) => (seen ? [...seen.replaces, seen.recordId] : [])),
    ]),
    changeId: '',
    change: '',
    clusterName,
    brokerName,
    masterBrokerId: winner.brokerId,
    masterProcessId: winner.processId ?? '',
    masterEpoch,
    syncStateSet: ascending(set.map(({ brokerId }) => brokerId)),
    syncStateSetEpoch: Math.max(masterEpoch - 1, record?.syncStateSetEpoch ?? 0, ...setEpochs) + 1,
    nextBrokerId: Math.max(
      record?.nextBrokerId ?? 1,
      last?.nextBrokerId ?? 1,
      ...members.map(({ brokerId }) => brokerId + 1),
    ),
    members: allMembers(record, members, last),
  }
  const what = last ? 'the lost record is rebuilt' : isNew ? 'the first record is made' : 'the first election'
  const decision = change(
    formed,
    `${what}: broker ${winner.brokerId} is master of epoch ${masterEpoch}, in sync are ${listed(formed.syncStateSet)}`,
  )
  return mayLose ? { ...decision, mayLose } : decision
}

/** The latest record that anyone has seen. */
function latest(members: readonly MemberReport[]): GroupRecord | undefined {
  return members
    .flatMap(({ seen }) => (seen && seen.masterEpoch > 0 ? [seen] : []))
    .sort((a, b) => b.masterEpoch - a.masterEpoch || b.syncStateSetEpoch - a.syncStateSetEpoch)[0]
}

/** A sentence on who is not here yet, undefined when all are. */
function missingMembers(
  record: GroupRecord | undefined,
  members: readonly MemberReport[],
  last: GroupRecord | undefined,
): string | undefined {
  const here = new Set(members.map(({ brokerId }) => brokerId))
  const known = [...(record?.members ?? []), ...(last?.members ?? [])].map(({ brokerId }) => brokerId)
  const absent = ascending(known.filter(brokerId => !here.has(brokerId)))
  if (absent.length > 0) return `waits for broker ${listed(absent)} to report`
  const declared = Math.max(...members.map(({ groupSize }) => groupSize ?? 1))
  return here.size < declared ? `waits for all ${declared} members to report; broker ${listed(here)} has` : undefined
}

const lostOr = (last: GroupRecord | undefined) => (last ? 'RecordLost: ' : '')

function choose(
  members: readonly MemberReport[],
  last: GroupRecord | undefined,
  someAreMissing: boolean,
): { winner: MemberReport; set: readonly MemberReport[]; mayLose?: true } {
  const byLength = [...members].sort(byLog)
  // The set last known has all that was acknowledged, each of its members, if it is still the store it was.
  const inSync = last
    ? byLength.filter(member => last.syncStateSet.includes(member.brokerId) && isSameStore(last, member))
    : byLength.every(isEmpty)
      ? byLength
      : []
  if (inSync.length > 0) return { winner: inSync[0]!, set: inSync, ...(someAreMissing && { mayLose: true }) }
  // All of the set lost their stores, or there never was a record: the longest log is the most there is.
  return { winner: byLength[0]!, set: [byLength[0]!], ...((last || someAreMissing) && { mayLose: true }) }
}

function isSameStore(last: GroupRecord, { brokerId, storeId, bootId }: MemberReport): boolean {
  const member = memberOf(last, brokerId)
  return member !== undefined && member.storeId === storeId && member.bootId === (bootId ?? '')
}

/** Those who reported, and of the others those who are known: they come back one day, outside the set. */
function allMembers(
  record: GroupRecord | undefined,
  reported: readonly MemberReport[],
  last: GroupRecord | undefined,
): GroupMember[] {
  const known = new Map<number, GroupMember>()
  for (const member of [...(last?.members ?? []), ...(record?.members ?? [])]) known.set(member.brokerId, member)
  for (const report of reported) {
    const checkCode = known.get(report.brokerId)?.checkCode ?? ''
    known.set(report.brokerId, { ...memberFrom(report), checkCode })
  }
  return [...known.values()].sort((a, b) => a.brokerId - b.brokerId)
}

function memberFrom({ brokerId, address, storeId, bootId, processId }: MemberReport): GroupMember {
  return {
    brokerId,
    address,
    storeId: storeId ?? '',
    bootId: bootId ?? '',
    processId: processId ?? '',
    checkCode: '',
  }
}

/** No name twice, in the order of their first appearance; the last 16, so that a record stays small. */
function ascendingNames(names: readonly string[]): string[] {
  return [...new Set(names)].slice(-16)
}
