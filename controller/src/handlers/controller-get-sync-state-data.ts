import type { Handler } from '../handler.ts'
import { type GroupMember, masterOf } from '../state/index.ts'
import { orStoreError } from './answers.ts'

/** CONTROLLER_GET_SYNC_STATE_DATA: who is in sync and who is alive, for each group named; unknown names are left out, as in Apache. */
export const controllerGetSyncStateData: Handler<'controllerGetSyncStateData'> = async (
  _header,
  { controller, body },
) => {
  const replicasInfoTable = new Map()
  for (const brokerName of new Set(body ?? [])) {
    const record = await orStoreError(controller.read(brokerName))
    if (!record) continue
    const live = controller.live.reports(brokerName)
    const identity = ({ brokerId, address }: GroupMember) => ({
      alive: live.has(brokerId),
      brokerAddress: address,
      brokerId,
      brokerName,
    })
    const isInSync = ({ brokerId }: GroupMember) => record.syncStateSet.includes(brokerId)
    const master = masterOf(record)
    replicasInfoTable.set(brokerName, {
      ...(master && { masterBrokerId: master.brokerId, masterAddress: master.address }),
      masterEpoch: record.masterEpoch,
      syncStateSetEpoch: record.syncStateSetEpoch,
      inSyncReplicas: record.members.filter(isInSync).map(identity),
      notInSyncReplicas: record.members.filter(member => !isInSync(member)).map(identity),
    })
  }
  return { body: { replicasInfoTable } }
}
