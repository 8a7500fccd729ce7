import { FieldError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { applyBrokerId } from '../state/index.ts'
import { accepted, orStoreError } from './answers.ts'

/** CONTROLLER_APPLY_BROKER_ID: a new member takes an id. */
export const controllerApplyBrokerId: Handler<'controllerApplyBrokerId'> = async (header, { controller, random }) => {
  const { clusterName, brokerName, appliedBrokerId, registerCheckCode } = header
  if (clusterName === '') throw new FieldError('clusterName', 'is empty')
  if (brokerName === '') throw new FieldError('brokerName', 'is empty')
  const newRecordId = Buffer.from(random.bytes(12)).toString('hex')
  const request = { clusterName, brokerName, brokerId: appliedBrokerId, registerCheckCode, newRecordId }
  accepted(await orStoreError(controller.change(brokerName, record => applyBrokerId(record, request))))
  return { clusterName, brokerName }
}
