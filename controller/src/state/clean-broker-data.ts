import { change, type Decision, refuse } from './decision.ts'
import { type GroupRecord, listed, memberOf } from './record.ts'
import { wrongCluster } from './register.ts'
import type { Reports } from './report.ts'

export interface CleanRequest {
  /** Undefined only when living brokers may be cleaned too. */
  readonly clusterName: string | undefined
  readonly brokerName: string
  /** Undefined for the whole group. */
  readonly brokerIds: readonly number[] | undefined
  readonly cleanLiving: boolean
}

/** CLEAN_BROKER_DATA: forgets members that will not come back, or the whole group (ReplicasInfoManager.java#cleanBrokerData). */
export function cleanBrokerData(record: GroupRecord | undefined, request: CleanRequest, live: Reports): Decision {
  const { clusterName, brokerName, brokerIds, cleanLiving } = request
  const invalid = (why: string) => refuse('CONTROLLER_INVALID_CLEAN_BROKER_METADATA', why)
  if (!record) return invalid(`Broker ${brokerName} is not existed,clean broker data failure.`)
  const wrong = clusterName === undefined || clusterName === '' ? undefined : wrongCluster(record, clusterName)
  if (wrong) return wrong
  const ids = brokerIds ?? record.members.map(({ brokerId }) => brokerId)
  const stranger = ids.find(brokerId => !memberOf(record, brokerId))
  if (stranger !== undefined)
    return invalid(
      `broker ${stranger} is not a member of ${brokerName}; ${listed(record.members.map(m => m.brokerId))} are`,
    )
  const living = ids.filter(brokerId => live.has(brokerId))
  if (!cleanLiving && living.length > 0)
    return invalid(`Broker [${brokerName}, ${living.join(', ')}] is still alive, clean up failure`)
  const members = record.members.filter(({ brokerId }) => !ids.includes(brokerId))
  if (members.length === 0) return { kind: 'remove', why: `broker group ${brokerName} is forgotten` }
  const syncStateSet = record.syncStateSet.filter(brokerId => !ids.includes(brokerId))
  const { masterBrokerId, masterProcessId, ...rest } = record
  const keepsMaster = masterBrokerId !== undefined && !ids.includes(masterBrokerId)
  const decides = syncStateSet.length < record.syncStateSet.length || (masterBrokerId !== undefined && !keepsMaster)
  return change(
    {
      ...rest,
      ...(keepsMaster && { masterBrokerId }),
      masterProcessId: keepsMaster ? masterProcessId : '',
      members,
      syncStateSet,
      syncStateSetEpoch: record.syncStateSetEpoch + (decides ? 1 : 0),
    },
    `broker ${listed(ids)} is forgotten; in sync are ${listed(syncStateSet)}`,
  )
}
