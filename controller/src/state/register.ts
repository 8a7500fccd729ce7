import { change, type Decision, keep, type Refusal, refuse } from './decision.ts'
import { isOfThisGroup, whyLost } from './lost.ts'
import { type GroupMember, type GroupRecord, listed, memberOf, withMember } from './record.ts'
import { isOurs, type MemberReport, type Reports } from './report.ts'

export interface Registration extends MemberReport {
  /** Of a broker of ours what it sent; for an Apache broker made up by the controller, once for each registration. */
  readonly processId: string
}

/**
 * CONTROLLER_REGISTER_BROKER: a process of a member has started. `others` are the live members without the one that registers,
 * unless another process lives under its id.
 *
 * A member is its store, not its name: one that is back with another store, or whose log may have lost its tail, leaves the set.
 */
export function register(record: GroupRecord | undefined, hello: Registration, others: Reports): Decision {
  const { brokerName, brokerId, address } = hello
  if (brokerId < 1)
    return refuse(
      'CONTROLLER_BROKER_ID_INVALID',
      `broker id ${brokerId} is not allowed under a controller: ids begin at 1`,
    )
  const rival = others.get(brokerId)
  if (rival && isRival(rival, hello))
    return refuse(
      'CONTROLLER_BROKER_ID_INVALID',
      `broker id ${brokerId} of group ${brokerName} is in use: ${rival.address} is alive with it, so ${address} cannot have it`,
    )
  const ours = isOurs(hello)
  if (!record) {
    return ours
      ? keep('the group has no record yet; one is made when all members have reported')
      : refuse(
          'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED',
          `Broker-set: ${brokerName} hasn't been registered in controller; a new member applies for a broker id first`,
        )
  }
  const wrong = wrongCluster(record, hello.clusterName)
  if (wrong) return wrong
  if (hello.seen && hello.seen.masterEpoch > 0 && record.masterEpoch > 0 && !isOfThisGroup(record, hello.seen))
    return refuse(
      'CONTROLLER_INVALID_REQUEST',
      `broker ${brokerId} at ${address} has the store of another group: it has seen record ${hello.seen.recordId} of ` +
        `${hello.seen.clusterName}/${hello.seen.brokerName}, this is ${record.recordId}; give it an empty store directory`,
    )
  const twin = record.members.find(member => ours && member.storeId === hello.storeId && member.brokerId !== brokerId)
  if (twin)
    return refuse(
      'CONTROLLER_BROKER_ID_INVALID',
      `store ${hello.storeId} belongs to broker ${twin.brokerId} at ${twin.address}, so broker ${brokerId} cannot have it: ` +
        'is its directory a copy?',
    )
  const lost = whyLost(record, new Map([[brokerId, hello]]))
  if (lost !== undefined) return keep(lost)
  const known = memberOf(record, brokerId)
  if (!known && !ours)
    return refuse(
      'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED',
      `BrokerId: ${brokerId} hasn't been registered in broker-set: ${brokerName}; its members are ${listed(record.members.map(m => m.brokerId))}`,
    )
  return update(record, known, hello)
}

function update(record: GroupRecord, known: GroupMember | undefined, hello: Registration): Decision {
  const { brokerId, address, processId } = hello
  const storeId = hello.storeId ?? known?.storeId ?? ''
  const bootId = isOurs(hello) ? (hello.bootId ?? '') : (known?.bootId ?? '')
  const member: GroupMember = { brokerId, address, storeId, bootId, processId, checkCode: known?.checkCode ?? '' }
  if (known && isSame(known, member)) return keep('nothing about the member has changed')
  const next = {
    ...record,
    members: withMember(record, member),
    nextBrokerId: Math.max(record.nextBrokerId, brokerId + 1),
  }
  if (!known) return change(next, `broker ${brokerId} at ${address} is a new member, outside the in-sync set`)
  const isStore = known.storeId === storeId && known.bootId === bootId
  if (isStore || !record.syncStateSet.includes(brokerId)) {
    const what = known.processId === processId ? 'has another address' : 'has started'
    return change(next, `broker ${brokerId} ${what}: ${address}`)
  }
  const why =
    known.storeId === storeId ? 'its log may have lost its tail in a machine crash' : 'its store is another one'
  return change(
    {
      ...next,
      syncStateSet: record.syncStateSet.filter(id => id !== brokerId),
      syncStateSetEpoch: record.syncStateSetEpoch + 1,
    },
    `broker ${brokerId} at ${address} leaves the in-sync set: ${why}`,
  )
}

function isSame(a: GroupMember, b: GroupMember): boolean {
  return a.address === b.address && a.storeId === b.storeId && a.bootId === b.bootId && a.processId === b.processId
}

/** Whether `rival`, which is alive, is another broker and not the earlier process of the one that says hello. */
export function isRival(rival: MemberReport, hello: MemberReport): boolean {
  // The lock of the store directory says that the earlier process is dead.
  if (rival.storeId !== undefined || hello.storeId !== undefined) return rival.storeId !== hello.storeId
  return rival.address !== hello.address
}

/** Refuses what comes from another cluster under a group's name. */
export function wrongCluster(record: GroupRecord, clusterName: string): Refusal | undefined {
  if (record.clusterName === clusterName) return undefined
  return refuse(
    'CONTROLLER_INVALID_REQUEST',
    `broker group ${record.brokerName} belongs to cluster ${record.clusterName}, not ${clusterName}`,
  )
}
