import { FieldError, groupRecord } from '@rocketcluster/protocol'
import type { GroupRecord, MemberReport } from '../state/index.ts'

interface MemberHeader {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId?: number
  readonly storeId?: string
  readonly bootId?: string
  readonly processId?: string
  readonly groupSize?: number
  readonly heardMasterEpoch?: number
  readonly seenRecord?: string
  readonly promisedRecord?: string
  readonly epoch?: number
  readonly maxOffset?: number
  readonly electionPriority?: number
}

/** No group is larger: the number is a typing error, or worse. */
const MAX_GROUP_SIZE = 100

/** What a header says of its sender. Throws FieldError. */
export function reportOf(header: MemberHeader, brokerId: number, address: string): MemberReport {
  const { storeId, processId, groupSize, seenRecord } = header
  if (header.clusterName === '') throw new FieldError('clusterName', 'is empty')
  if (header.brokerName === '') throw new FieldError('brokerName', 'is empty')
  if (address === '') throw new FieldError('brokerAddress', 'is empty')
  if (storeId === '') throw new FieldError('storeId', 'is empty')
  if (storeId !== undefined && !processId) throw new FieldError('processId', 'is required beside storeId')
  if (groupSize !== undefined && (groupSize < 1 || groupSize > MAX_GROUP_SIZE))
    throw new FieldError('groupSize', `${groupSize} is not from 1 to ${MAX_GROUP_SIZE}`)
  return {
    clusterName: header.clusterName,
    brokerName: header.brokerName,
    brokerId,
    address,
    ...(storeId !== undefined && { storeId, bootId: header.bootId ?? '', processId }),
    logEpoch: header.epoch ?? -1,
    maxOffset: header.maxOffset ?? -1,
    electionPriority: header.electionPriority ?? 2 ** 31 - 1,
    heardMasterEpoch: header.heardMasterEpoch,
    groupSize,
    seen: seenRecord === undefined ? undefined : parseSeen(seenRecord),
    promised: header.promisedRecord,
  }
}

/** What brokers send again each second is parsed once. */
const parsed = new Map<string, GroupRecord>()
const MAX_PARSED = 256

function parseSeen(text: string): GroupRecord {
  let record = parsed.get(text)
  if (!record) {
    try {
      record = groupRecord.parse(text)
    } catch (error) {
      if (error instanceof FieldError) throw new FieldError('seenRecord', error.message)
      throw error
    }
    if (parsed.size >= MAX_PARSED) parsed.clear()
    parsed.set(text, record)
  }
  return record
}
