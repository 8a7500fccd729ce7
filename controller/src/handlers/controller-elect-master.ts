import { electMasterResponseBody, FieldError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import type { Cause, GroupRecord } from '../state/index.ts'
import { accepted, masterReply, orStoreError, recordReply } from './answers.ts'

/**
 * CONTROLLER_ELECT_MASTER: a broker that looks for a master, an administrator who names one (`mqadmin electMaster`), or a
 * master that hands over. When a master exists the answer is CONTROLLER_MASTER_STILL_EXIST, and says which.
 */
export const controllerElectMaster: Handler<'controllerElectMaster'> = async (header, { controller }) => {
  const { clusterName, brokerName } = header
  const { record, decision } = accepted(await orStoreError(controller.elect(brokerName, causeOf(header), clusterName)))
  const answer = { ...(record && masterReply(record)), ...recordReply(record), remark: decision.why }
  // Standard JSON, with the ids in quotes: mqadmin reads this body as something else, and its JSON library refuses to skip a
  // map whose keys are bare numbers.
  const body = [
    electMasterResponseBody.encodeStandard({
      syncStateSet: [...(record?.syncStateSet ?? [])],
      ...(record && decision.kind === 'change' && { brokerMemberGroup: memberGroup(record) }),
    }),
  ]
  return decision.kind === 'change' ? { ...answer, body } : { status: 'CONTROLLER_MASTER_STILL_EXIST', ...answer, body }
}

function causeOf({
  brokerId,
  designateElect,
  handOverEpoch,
  processId,
  leaves,
}: {
  brokerId: number
  designateElect: boolean
  handOverEpoch?: number
  processId?: string
  leaves: boolean
}): Cause {
  const named = brokerId === -1 ? undefined : brokerId
  if (handOverEpoch !== undefined) return { by: 'master', epoch: handOverEpoch, processId, brokerId: named, leaves }
  if (named === undefined)
    throw new FieldError('brokerId', 'is required: the broker that asks, or that shall be master')
  return designateElect ? { by: 'administrator', brokerId: named } : { by: 'broker', brokerId: named }
}

function memberGroup({ clusterName, brokerName, members }: GroupRecord) {
  return {
    cluster: clusterName,
    brokerName,
    brokerAddrs: new Map(members.map(({ brokerId, address }) => [brokerId, address])),
  }
}
