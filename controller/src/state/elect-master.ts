import { change, type Decision, keep, refuse } from './decision.ts'
import { formRecord } from './form-record.ts'
import { whyLost } from './lost.ts'
import { ascending, type GroupRecord, listed, masterOf, memberOf } from './record.ts'
import { wrongCluster } from './register.ts'
import { byLog, isOurs, type MemberReport, type Reports } from './report.ts'

/** Who wants an election, and of whom. */
export type Cause =
  /** The controller itself: it lost sight of the master. */
  | { readonly by: 'controller' }
  /** A broker that looks for a master (Apache's brokers do when they start). */
  | { readonly by: 'broker'; readonly brokerId: number }
  /** An administrator names the one who shall be master. */
  | { readonly by: 'administrator'; readonly brokerId: number }
  /** The master itself hands over; without `brokerId` to whom the controller likes. */
  | {
      readonly by: 'master'
      readonly epoch: number
      readonly processId: string | undefined
      readonly brokerId: number | undefined
      /** It stops: nobody shall wait for it. */
      readonly leaves?: boolean
    }

export interface ElectOptions {
  readonly cause: Cause
  /** Undefined when the controller itself asks. */
  readonly clusterName?: string
  readonly allowUncleanElection?: boolean
  /** For a record that has to be formed. */
  readonly newRecordId: string
}

/**
 * Elects a master when the group needs one: from the in-sync set only, since each of its members has all that was acknowledged.
 * The live members of the old set stay in the new one. `keep` means that a master exists.
 */
export function electMaster(record: GroupRecord | undefined, live: Reports, options: ElectOptions): Decision {
  const { cause, clusterName, allowUncleanElection = false } = options
  if (!record)
    return refuse('CONTROLLER_BROKER_NEED_TO_BE_REGISTERED', "Broker hasn't been registered: the group has no record")
  const wrong = clusterName === undefined ? undefined : wrongCluster(record, clusterName)
  if (wrong) return wrong
  const lost = whyLost(record, live)
  if (lost !== undefined) return notNow(cause, `${lost}; no election before the record is rebuilt`)
  if (record.masterEpoch === 0) return electFirst(record, live, options)

  const master = masterOf(record)
  // Under whatever process: one that has restarted registers, and that alone ends its mastership. What differs here may as well
  // be older than the record.
  const masterIsLive = master !== undefined && live.has(master.brokerId)
  const handOver = handOverTarget(record, cause)
  if (typeof handOver === 'object') return handOver
  const isMove = cause.by === 'administrator' || cause.by === 'master'
  if (masterIsLive && (!isMove || handOver === master.brokerId))
    return keep(`broker ${master.brokerId} is master of epoch ${record.masterEpoch} and alive`)

  const registered = [...live.values()].filter(report => isRegistered(record, report))
  const inSync = registered.filter(({ brokerId }) => record.syncStateSet.includes(brokerId))
  // Someone else may see the master better than we do: whoever still hears it must not replace it.
  const mayReplace = (report: MemberReport) =>
    isMove || master === undefined || report.heardMasterEpoch !== record.masterEpoch
  const eligible = inSync.filter(report => report.brokerId !== master?.brokerId || masterIsLive).filter(mayReplace)
  const chosen =
    handOver === undefined
      ? eligible.filter(({ brokerId }) => !(cause.by === 'master' && brokerId === master?.brokerId)).sort(byLog)[0]
      : eligible.find(({ brokerId }) => brokerId === handOver)
  // Each of the others has all that was acknowledged, too.
  const staying =
    cause.by === 'master' && cause.leaves ? inSync.filter(report => report !== live.get(master!.brokerId)) : inSync
  if (chosen) return elected(record, chosen, staying, `in sync with epoch ${record.masterEpoch}`)
  if (inSync.length > 0 && eligible.length === 0 && master)
    return keep(
      `broker ${listed(inSync.map(({ brokerId }) => brokerId))} still hears master ${master.brokerId} of epoch ${record.masterEpoch}`,
    )
  if (handOver === undefined && record.syncStateSet.length === 0) return electLongest(record, registered, options)
  if (allowUncleanElection && !masterIsLive) {
    const last = registered
      .filter(mayReplace)
      .filter(({ brokerId }) => handOver === undefined || brokerId === handOver)
      .sort(byLog)[0]
    if (last) {
      const decision = elected(record, last, [], 'NOT in sync, by allowUncleanElection: messages may be lost')
      return { ...decision, mayLose: true }
    }
  }
  if (handOver !== undefined) {
    const why = record.syncStateSet.includes(handOver) ? 'is not alive here' : 'is not in the in-sync set'
    return notNow(cause, `broker ${handOver} ${why}; in sync are ${listed(record.syncStateSet)}`)
  }
  if (cause.by === 'master') return notNow(cause, 'no other member of the in-sync set is alive here')
  return notNow(
    cause,
    `no member of the in-sync set (${listed(record.syncStateSet)}) is alive here; alive are ${listed(live.keys())}`,
  )
}

/** The id that has to be master now; undefined when the choice is free; a refusal. */
function handOverTarget(record: GroupRecord, cause: Cause): number | undefined | Decision {
  if (cause.by === 'administrator') {
    if (memberOf(record, cause.brokerId)) return cause.brokerId
    return refuse(
      'CONTROLLER_ELECT_MASTER_FAILED',
      `broker ${cause.brokerId} is not a member of ${record.brokerName}; ${listed(record.members.map(m => m.brokerId))} are`,
    )
  }
  if (cause.by !== 'master') return undefined
  const { epoch, processId, brokerId } = cause
  if (epoch !== record.masterEpoch)
    return refuse('CONTROLLER_FENCED_MASTER_EPOCH', `the master epoch is ${record.masterEpoch}, not ${epoch}`)
  if (processId !== undefined && processId !== record.masterProcessId)
    return refuse('CONTROLLER_INVALID_MASTER', `the master of epoch ${epoch} is another process`)
  return brokerId
}

/**
 * The first election. Members of ours form the record together (`formRecord`); among Apache's brokers the one that asks is
 * elected, as its controller does, unless another has more.
 */
function electFirst(record: GroupRecord, live: Reports, options: ElectOptions): Decision {
  const { cause, newRecordId, allowUncleanElection } = options
  const { clusterName, brokerName } = record
  const reports = [...live.values()].filter(report => isRegistered(record, report))
  if (reports.some(isOurs) || cause.by === 'controller') {
    if (!reports.every(isOurs) || reports.length === 0)
      return notNow(cause, 'the first election waits for a broker that asks')
    const formed = formRecord(record, live, { clusterName, brokerName, newRecordId, allowUncleanElection })
    return formed.kind === 'keep' ? notNow(cause, formed.why) : formed
  }
  const longest = [...reports].sort(byLog)[0]
  const asking = reports.find(({ brokerId }) => 'brokerId' in cause && brokerId === cause.brokerId)
  if (!asking || !longest) return notNow(cause, 'who asks for the first election has to be registered and alive')
  const isBest = asking.logEpoch === longest.logEpoch && asking.maxOffset === longest.maxOffset
  return elected(record, isBest ? asking : longest, [], 'the first master')
}

/** The set is empty: each of its members came back without its log. When all members are here, the longest log wins. */
function electLongest(record: GroupRecord, registered: readonly MemberReport[], options: ElectOptions): Decision {
  const { cause, allowUncleanElection } = options
  const here = new Set(registered.map(({ brokerId }) => brokerId))
  const absent = record.members.map(({ brokerId }) => brokerId).filter(brokerId => !here.has(brokerId))
  const longest = [...registered].sort(byLog)[0]
  if (!longest || (absent.length > 0 && !allowUncleanElection))
    return notNow(cause, `nobody is in sync; waits for broker ${listed(absent)} to report, then the longest log wins`)
  return {
    ...elected(record, longest, [], 'nobody was in sync, and its log is the longest: messages may be lost'),
    mayLose: true as const,
  }
}

function elected(record: GroupRecord, winner: MemberReport, inSync: readonly MemberReport[], why: string) {
  const masterEpoch = record.masterEpoch + 1
  // Apache's master shrinks and grows its set from itself alone; ours waits for the others from the first message on.
  const kept = isOurs(winner) ? inSync.filter(isOurs) : []
  const syncStateSet = ascending([winner.brokerId, ...kept.map(({ brokerId }) => brokerId)])
  return change(
    {
      ...record,
      masterBrokerId: winner.brokerId,
      masterProcessId: memberOf(record, winner.brokerId)!.processId,
      masterEpoch,
      syncStateSet,
      syncStateSetEpoch: record.syncStateSetEpoch + 1,
    },
    `broker ${winner.brokerId} is elected master of epoch ${masterEpoch}, ${why}; in sync are ${listed(syncStateSet)}`,
  )
}

/** Whether a live process is the one that the record knows under this id. An Apache broker tells no process to every controller. */
function isRegistered(record: GroupRecord, report: MemberReport): boolean {
  const member = memberOf(record, report.brokerId)
  if (!member || !isProcess(report, member.processId)) return false
  return report.storeId === undefined || (report.storeId === member.storeId && (report.bootId ?? '') === member.bootId)
}

function isProcess(report: MemberReport | undefined, processId: string): boolean {
  return report !== undefined && (report.processId === undefined || report.processId === processId)
}

/** ReplicasInfoManager.java#electMaster: one code for the controller's own attempt, another for those who ask. */
function notNow(cause: Cause, why: string): Decision {
  return refuse(cause.by === 'controller' ? 'CONTROLLER_MASTER_NOT_AVAILABLE' : 'CONTROLLER_ELECT_MASTER_FAILED', why)
}
