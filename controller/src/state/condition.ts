import { whyLost } from './lost.ts'
import { type GroupRecord, listed, masterOf } from './record.ts'
import type { Reports } from './report.ts'

/** What a group is in, as a reason of one CamelCase word. */
export type GroupReason =
  | 'NoRecord'
  | 'RecordLost'
  | 'NeverElected'
  | 'NoMaster'
  | 'MasterNotSeen'
  | 'Degraded'
  | 'InSync'

export interface GroupCondition {
  readonly reason: GroupReason
  readonly message: string
}

/** How a group is, for status, metrics and Events, as seen from one controller. */
export function conditionOf(record: GroupRecord | undefined, live: Reports): GroupCondition {
  const lost = whyLost(record, live)
  if (lost !== undefined) return { reason: 'RecordLost', message: lost }
  const here = listed(live.keys())
  if (!record) return { reason: 'NoRecord', message: `there is no record; alive are ${here}` }
  if (record.masterEpoch === 0)
    return { reason: 'NeverElected', message: `there has never been a master; alive are ${here}` }
  const master = masterOf(record)
  const inSync = `in sync are ${listed(record.syncStateSet)}; alive are ${here}`
  if (!master) return { reason: 'NoMaster', message: `epoch ${record.masterEpoch} has no master; ${inSync}` }
  const named = `broker ${master.brokerId} at ${master.address} is master of epoch ${record.masterEpoch}`
  if (!live.has(master.brokerId)) return { reason: 'MasterNotSeen', message: `${named}, and not seen here; ${inSync}` }
  const outside = record.members.length - record.syncStateSet.length
  return outside > 0
    ? { reason: 'Degraded', message: `${named}; ${inSync}` }
    : { reason: 'InSync', message: `${named}; ${inSync}` }
}
