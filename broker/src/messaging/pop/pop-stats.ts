import { Buckets } from '../../stats.ts'

/** Upper bounds of rocketmq_pop_buffer_scan_time_consume in milliseconds (PopMetricsManager.java). */
export const SCAN_TIME_BUCKETS = [1, 10, 100, 1000, 2000, 3000] as const

export type ReviveMessageType = 'CK' | 'ACK'
export type ReviveStatus = 'PUT_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'UNKNOWN_ERROR'

export interface ReviveCount {
  readonly topic: string
  readonly group: string
  readonly type: ReviveMessageType | undefined
  readonly queueId: number | undefined
  readonly status: ReviveStatus | undefined
  count: number
}

/** What pop consumption counts for `metrics.ts` (PopMetricsManager.java). */
export class PopStats {
  /** Check points and acks written to the revive topic. */
  readonly reviveIn = new Map<string, ReviveCount>()
  /** Check points and acks taken into account. */
  readonly reviveOut = new Map<string, ReviveCount>()
  /** Messages given to a pop retry topic, or refused by the disk. */
  readonly retries = new Map<string, ReviveCount>()
  readonly scanTime = new Buckets(SCAN_TIME_BUCKETS)

  wrote(topic: string, group: string, type: ReviveMessageType, status: ReviveStatus): void {
    count(this.reviveIn, topic, group, type, undefined, status, 1)
  }

  read(topic: string, group: string, type: ReviveMessageType, queueId: number): void {
    count(this.reviveOut, topic, group, type, queueId, undefined, 1)
  }

  retried(topic: string, group: string, status: ReviveStatus, messages: number): void {
    count(this.retries, topic, group, undefined, undefined, status, messages)
  }

  /** What is gone must not stay in the scrape for ever. */
  forget(gone: (topic: string, group: string) => boolean): void {
    for (const table of [this.reviveIn, this.reviveOut, this.retries])
      for (const [key, { topic, group }] of table) if (gone(topic, group)) table.delete(key)
  }
}

function count(
  table: Map<string, ReviveCount>,
  topic: string,
  group: string,
  type: ReviveMessageType | undefined,
  queueId: number | undefined,
  status: ReviveStatus | undefined,
  by: number,
): void {
  const key = `${topic}@${group}@${type}@${queueId}@${status}`
  const known = table.get(key)
  if (known) known.count += by
  else table.set(key, { topic, group, type, queueId, status, count: by })
}
