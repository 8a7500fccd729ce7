import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { nextBrokerId, wrongCluster } from '../state/index.ts'
import { orStoreError } from './answers.ts'

/** CONTROLLER_GET_NEXT_BROKER_ID: the id that a new member of a group should ask for. */
export const controllerGetNextBrokerId: Handler<'controllerGetNextBrokerId'> = async (
  { clusterName, brokerName },
  { controller },
) => {
  const record = await orStoreError(controller.read(brokerName))
  const wrong = record && wrongCluster(record, clusterName)
  if (wrong) throw new ResponseError(wrong.status, wrong.why)
  return { clusterName, brokerName, nextBrokerId: nextBrokerId(record) }
}
