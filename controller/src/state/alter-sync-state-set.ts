import { change, type Decision, refuse } from './decision.ts'
import { whyLost } from './lost.ts'
import { ascending, type GroupRecord, listed, masterOf, memberOf } from './record.ts'
import type { Reports } from './report.ts'

export interface SetProposal {
  readonly masterBrokerId: number
  readonly masterEpoch: number
  readonly syncStateSet: readonly number[]
  /** Of the set that the proposal is to replace. */
  readonly syncStateSetEpoch: number
  /** The process that proposes; an Apache master does not say. */
  readonly processId?: string
  /** The stores that the master replicates to, by broker id; an Apache master does not say. */
  readonly stores?: ReadonlyMap<number, { readonly storeId: string; readonly bootId: string }>
}

/**
 * CONTROLLER_ALTER_SYNC_STATE_SET: the master of the current epoch proposes who is in sync
 * (ReplicasInfoManager.java#alterSyncStateSet; the checks come in its order).
 */
export function alterSyncStateSet(record: GroupRecord | undefined, proposal: SetProposal, live: Reports): Decision {
  const { masterBrokerId, masterEpoch, syncStateSetEpoch, processId, stores } = proposal
  const next = ascending(proposal.syncStateSet)
  if (!record) return refuse('CONTROLLER_ALTER_SYNC_STATE_SET_FAILED', 'Broker metadata is not existed')
  if (record.masterBrokerId !== masterBrokerId)
    return refuse(
      'CONTROLLER_INVALID_MASTER',
      `broker ${masterBrokerId} is not the master; ${record.masterBrokerId ?? 'nobody'} is`,
    )
  if (masterEpoch !== record.masterEpoch)
    return refuse(
      'CONTROLLER_FENCED_MASTER_EPOCH',
      `the master epoch is ${record.masterEpoch}, and the proposal is of ${masterEpoch}`,
    )
  const master = masterOf(record)
  if (!master || (processId !== undefined && processId !== master.processId))
    return refuse(
      'CONTROLLER_INVALID_MASTER',
      `broker ${masterBrokerId} was elected for epoch ${masterEpoch} as another process; a restarted one is master only when elected anew`,
    )
  if (syncStateSetEpoch !== record.syncStateSetEpoch)
    return refuse(
      'CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH',
      `the in-sync set epoch is ${record.syncStateSetEpoch}, and the proposal is of ${syncStateSetEpoch}`,
    )
  const lost = whyLost(record, live)
  if (lost !== undefined) return refuse('CONTROLLER_ALTER_SYNC_STATE_SET_FAILED', lost)
  if (listed(next) === listed(record.syncStateSet))
    return refuse('CONTROLLER_ALTER_SYNC_STATE_SET_FAILED', `the in-sync set is ${listed(next)} already`)
  for (const brokerId of next) {
    const member = memberOf(record, brokerId)
    if (!member)
      return refuse(
        'CONTROLLER_INVALID_REPLICAS',
        `broker ${brokerId} is not a member; ${listed(record.members.map(m => m.brokerId))} are`,
      )
    const store = stores?.get(brokerId)
    if (stores && brokerId !== masterBrokerId && (store?.storeId !== member.storeId || store.bootId !== member.bootId))
      return refuse(
        'CONTROLLER_INVALID_REPLICAS',
        `the master replicates to store ${store?.storeId ?? 'unknown'} of broker ${brokerId}, whose store is now ${member.storeId}`,
      )
    // Who is in the set already need not be seen by this very controller: it must not keep a third one from leaving.
    if (!record.syncStateSet.includes(brokerId) && !live.has(brokerId))
      return refuse(
        'CONTROLLER_BROKER_NOT_ALIVE',
        `broker ${brokerId} is not alive here, so it cannot enter the in-sync set`,
      )
  }
  if (!next.includes(masterBrokerId))
    return refuse(
      'CONTROLLER_ALTER_SYNC_STATE_SET_FAILED',
      `the in-sync set ${listed(next)} would be without the master ${masterBrokerId}`,
    )
  return change(
    { ...record, syncStateSet: next, syncStateSetEpoch: record.syncStateSetEpoch + 1 },
    `in sync are ${listed(next)} instead of ${listed(record.syncStateSet)}, says master ${masterBrokerId} of epoch ${masterEpoch}`,
  )
}
