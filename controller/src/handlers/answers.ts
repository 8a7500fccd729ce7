import { groupRecord, ResponseError, type SyncStateSet } from '@rocketcluster/protocol'
import { RecordStoreError } from '../record-store/record-store.ts'
import type { Updated } from '../record-store/update-record.ts'
import { type GroupRecord, masterOf, RecordError } from '../state/index.ts'

/** The set as RocketMQ's body. */
export function setOf(record: GroupRecord | undefined): SyncStateSet {
  return { syncStateSet: [...(record?.syncStateSet ?? [])], syncStateSetEpoch: record?.syncStateSetEpoch ?? 0 }
}

/** The record for our brokers; nothing when there is none. */
export function recordReply(record: GroupRecord | undefined): { record?: string } {
  return record ? { record: groupRecord.encode(record).toString('utf8') } : {}
}

/** Header fields that say who is master; without id and address when nobody is. */
export function masterReply(record: GroupRecord): {
  masterBrokerId?: number
  masterAddress?: string
  masterEpoch: number
  syncStateSetEpoch: number
} {
  const master = masterOf(record)
  return {
    ...(master && { masterBrokerId: master.brokerId, masterAddress: master.address }),
    masterEpoch: record.masterEpoch,
    syncStateSetEpoch: record.syncStateSetEpoch,
  }
}

/** What was decided, or the refusal as ResponseError. */
export function accepted(updated: Updated): Updated {
  const { decision } = updated
  if (decision.kind === 'refuse') throw new ResponseError(decision.status, decision.why)
  return updated
}

/**
 * The record store's own failure, in words. SYSTEM_ERROR says that nothing is known of what became of a change, and so does
 * a time-out: only SUCCESS and the codes from 2000 on are an answer to whether it was made.
 */
export async function orStoreError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof RecordStoreError) {
      const what = error.outcome === 'unknown' ? 'what became of the change is not known' : 'nothing was changed'
      throw new ResponseError('SYSTEM_ERROR', `the record store failed, ${what}: ${error.message}`, { cause: error })
    }
    if (error instanceof RecordError)
      throw new ResponseError('SYSTEM_ERROR', `the record cannot be read, nothing was changed: ${error.message}`, {
        cause: error,
      })
    throw error
  }
}
