import { FieldError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { alterSyncStateSet } from '../state/index.ts'
import { accepted, orStoreError, recordReply, setOf } from './answers.ts'

/** CONTROLLER_ALTER_SYNC_STATE_SET: the master proposes who is in sync. */
export const controllerAlterSyncStateSet: Handler<'controllerAlterSyncStateSet'> = async (
  { brokerName, masterBrokerId, masterEpoch, processId, stores },
  { controller, body },
) => {
  if (!body) throw new FieldError('body', 'is required: the in-sync set that is proposed')
  const proposal = {
    masterBrokerId,
    masterEpoch,
    processId,
    syncStateSet: body.syncStateSet,
    syncStateSetEpoch: body.syncStateSetEpoch,
    stores: stores === undefined ? undefined : parseStores(stores),
  }
  const { record } = accepted(
    await orStoreError(controller.change(brokerName, (current, live) => alterSyncStateSet(current, proposal, live))),
  )
  return { newSyncStateSetEpoch: record!.syncStateSetEpoch, ...recordReply(record), body: setOf(record) }
}

/** `brokerId:storeId:bootId`, with semicolons between. */
function parseStores(text: string): Map<number, { storeId: string; bootId: string }> {
  const stores = new Map<number, { storeId: string; bootId: string }>()
  for (const part of text.split(';').filter(part => part !== '')) {
    const [, brokerId, storeId, bootId] = /^(\d{1,15}):([^:]+):([^:]*)$/.exec(part) ?? []
    if (brokerId === undefined)
      throw new FieldError('stores', `${JSON.stringify(part.slice(0, 60))} is not brokerId:storeId:bootId`)
    stores.set(Number(brokerId), { storeId: storeId!, bootId: bootId! })
  }
  return stores
}
