import { change, type Decision, keep, refuse } from './decision.ts'
import { type GroupRecord, memberOf, withMember } from './record.ts'
import { wrongCluster } from './register.ts'

export interface BrokerIdRequest {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  /** `address;anything`: who asks again with the same code is the same broker. */
  readonly registerCheckCode: string
  /** For the record that is made when this is the group's first broker. */
  readonly newRecordId: string
}

/** The first id that brokers under a controller get (MixAll.FIRST_BROKER_CONTROLLER_ID); 0 means "the master" to clients. */
export const FIRST_BROKER_ID = 1

/** The id that a new member of the group should ask for. */
export function nextBrokerId(record: GroupRecord | undefined): number {
  return record?.nextBrokerId ?? FIRST_BROKER_ID
}

/** CONTROLLER_APPLY_BROKER_ID: gives an id to a broker that has none (ReplicasInfoManager.java#applyBrokerId). */
export function applyBrokerId(record: GroupRecord | undefined, request: BrokerIdRequest): Decision {
  const { clusterName, brokerName, brokerId, registerCheckCode, newRecordId } = request
  const separator = registerCheckCode.indexOf(';')
  const address = separator < 0 ? registerCheckCode : registerCheckCode.slice(0, separator)
  if (brokerId < FIRST_BROKER_ID)
    return refuse(
      'CONTROLLER_BROKER_ID_INVALID',
      `broker id ${brokerId} cannot be given: ids begin at ${FIRST_BROKER_ID}`,
    )
  const member = {
    brokerId,
    address,
    storeId: '',
    bootId: '',
    processId: '',
    checkCode: registerCheckCode,
  }
  if (!record) {
    if (brokerId !== FIRST_BROKER_ID)
      return refuse(
        'CONTROLLER_BROKER_ID_INVALID',
        `broker group ${brokerName} has no member yet, so its first one gets id ${FIRST_BROKER_ID}, not ${brokerId}`,
      )
    return change(
      {
        recordId: newRecordId,
        replaces: [],
        changeId: '',
        change: '',
        clusterName,
        brokerName,
        masterProcessId: '',
        masterEpoch: 0,
        syncStateSet: [],
        syncStateSetEpoch: 0,
        nextBrokerId: brokerId + 1,
        members: [member],
      },
      `broker id ${brokerId} is given to ${address}, the first of the group`,
    )
  }
  const wrong = wrongCluster(record, clusterName)
  if (wrong) return wrong
  const owner = memberOf(record, brokerId)
  if (owner?.checkCode === registerCheckCode && registerCheckCode !== '')
    return keep(`broker id ${brokerId} is already given to ${address}`)
  if (owner)
    return refuse(
      'CONTROLLER_BROKER_ID_INVALID',
      `broker id ${brokerId} of group ${brokerName} is given to ${owner.address}; the next one is ${record.nextBrokerId}`,
    )
  return change(
    {
      ...record,
      members: withMember(record, member),
      nextBrokerId: Math.max(record.nextBrokerId, brokerId + 1),
    },
    `broker id ${brokerId} is given to ${address}`,
  )
}
