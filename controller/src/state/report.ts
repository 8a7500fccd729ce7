import type { GroupRecord } from './record.ts'

/** What a live member last said of itself. A controller keeps these in memory only, by broker id. */
export interface MemberReport {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  /** Its own address. */
  readonly address: string
  /** Undefined from an Apache broker, as are the next two. */
  readonly storeId?: string
  readonly bootId?: string
  /** Undefined also when an Apache broker registered with another controller only. */
  readonly processId?: string
  /** The epoch of the last entry in its log; below 1 when the log is empty. */
  readonly logEpoch: number
  /** Where its log ends, in bytes. */
  readonly maxOffset: number
  /** The lower one wins among equals. */
  readonly electionPriority: number
  /** The master's epoch, when it hears the master on the replication link. */
  readonly heardMasterEpoch?: number
  /** How many members the group is declared to have. */
  readonly groupSize?: number
  /** The last record it saw. */
  readonly seen?: GroupRecord
  /** The record about to be formed for which it took its present `processId`. */
  readonly promised?: string
}

/** Live members by broker id. */
export type Reports = ReadonlyMap<number, MemberReport>

/** Brokers of our own say what store they are. */
export function isOurs(report: MemberReport): boolean {
  return report.storeId !== undefined
}

/** Whether a log holds anything. Apache's brokers begin at offset 0 too. */
export function isEmpty({ maxOffset }: MemberReport): boolean {
  return maxOffset <= 0
}

/** The longest log first: the later epoch, then the higher end; among equals the lower priority, then the lower id. */
export function byLog(a: MemberReport, b: MemberReport): number {
  return (
    b.logEpoch - a.logEpoch ||
    b.maxOffset - a.maxOffset ||
    a.electionPriority - b.electionPriority ||
    a.brokerId - b.brokerId
  )
}
