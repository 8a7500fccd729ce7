import type { GroupRecord } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'

const TIMEOUT_MS = 3000

/** One member of a group whose master a controller chooses. */
export interface MemberStatus {
  readonly brokerId: number
  readonly address: string
  readonly isMaster: boolean
  readonly inSync: boolean
  /** Bytes of the log that it does not have; null when its master does not hear it. 0 for the master. */
  readonly lagBytes: number | null
}

export interface GroupStatus {
  readonly brokerName: string
  readonly masterEpoch: number
  /** What the last change of its record was. */
  readonly lastChange: string
  readonly members: readonly MemberStatus[]
  readonly problem: string | null
}

/** The record of a group, from the first controller that has one. Throws what the last one said. */
export async function readRecord(
  remoting: RemotingClient,
  controllers: readonly string[],
  brokerName: string,
): Promise<GroupRecord> {
  const { controllerRequests, groupRecord } = await import('@rocketcluster/protocol')
  let failure: unknown
  for (const controller of controllers) {
    try {
      const { record } = await remoting.invoke(
        controller,
        controllerRequests.controllerGetReplicaInfo,
        { brokerName },
        { timeoutMs: TIMEOUT_MS },
      )
      if (record !== undefined) return groupRecord.parse(record)
    } catch (error) {
      failure = error
    }
  }
  throw failure ?? new Error(`no controller has a record of group ${brokerName}`)
}

/** What controllers and master say of a group. Never rejects: what does not answer is its problem. */
export async function groupStatus(
  remoting: RemotingClient,
  controllers: readonly string[],
  brokerName: string,
): Promise<GroupStatus> {
  const { brokerRequests } = await import('@rocketcluster/protocol')
  let record: GroupRecord
  try {
    record = await readRecord(remoting, controllers, brokerName)
  } catch (error) {
    return { brokerName, masterEpoch: 0, lastChange: '', members: [], problem: (error as Error).message }
  }
  const { masterBrokerId, masterEpoch, syncStateSet, change: lastChange } = record
  const master = record.members.find(({ brokerId }) => brokerId === masterBrokerId)
  const lags = new Map<number, number>()
  let problem = master === undefined ? 'it has no master' : null
  const ask = <R>(address: string, work: (address: string) => Promise<R>) => work(address).catch(() => undefined)
  const [ends, status] = await Promise.all([
    Promise.all(
      record.members.map(async ({ brokerId, address }) => {
        const info = await ask(address, at =>
          remoting.invoke(at, brokerRequests.getBrokerRuntimeInfo, {}, { timeoutMs: TIMEOUT_MS }),
        )
        const end = Number(info?.body?.table.get('commitLogMaxOffset'))
        return [brokerId, Number.isSafeInteger(end) ? end : undefined] as const
      }),
    ),
    master &&
      ask(master.address, at => remoting.invoke(at, brokerRequests.getBrokerHaStatus, {}, { timeoutMs: TIMEOUT_MS })),
  ])
  const masterEnd = ends.find(([brokerId]) => brokerId === masterBrokerId)?.[1]
  if (masterEnd !== undefined)
    for (const [brokerId, end] of ends) if (end !== undefined) lags.set(brokerId, Math.max(0, masterEnd - end))
  if (master !== undefined && status?.body?.master !== true)
    problem = `its master, broker ${masterBrokerId}, does not answer as one`
  else if (syncStateSet.length < record.members.length)
    problem ??= `${record.members.length - syncStateSet.length} of ${record.members.length} members are not in sync`
  return {
    brokerName,
    masterEpoch,
    lastChange,
    members: record.members.map(({ brokerId, address }) => ({
      brokerId,
      address,
      isMaster: brokerId === masterBrokerId,
      inSync: syncStateSet.includes(brokerId),
      lagBytes: lags.get(brokerId) ?? null,
    })),
    problem,
  }
}
