import type { Handler } from '../handler.ts'
import { masterReply, orStoreError, recordReply, setOf } from './answers.ts'

/** CONTROLLER_GET_REPLICA_INFO: who is master of a group and who is in sync, read from the record store now. */
export const controllerGetReplicaInfo: Handler<'controllerGetReplicaInfo'> = async (
  { brokerName, settle },
  { controller },
) => {
  const record = await orStoreError(settle ? controller.settle(brokerName) : controller.read(brokerName))
  if (!record) return { status: 'CONTROLLER_BROKER_METADATA_NOT_EXIST', remark: 'Broker metadata is not existed' }
  const { syncStateSetEpoch: _, ...master } = masterReply(record)
  return { ...master, ...recordReply(record), formingRecord: controller.forming(brokerName), body: setOf(record) }
}
