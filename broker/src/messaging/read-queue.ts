import { type DecodedMessage, decodeRecord, MalformedError } from '@rocketcluster/protocol'
import { recordQueueOffset, recordTotalSize } from '@rocketcluster/protocol/internal'
import type { Store } from '../store/store.ts'
import type { GetMessageStatus } from '../store/types.ts'

export interface QueueRead {
  readonly status: GetMessageStatus
  /** In the order of the queue; copies, to be kept as long as one likes. */
  readonly messages: readonly DecodedMessage[]
  /** Queue offsets of records whose bytes are not what was written: one of them must not hide the others. */
  readonly damaged: readonly number[]
  /** Where to go on: also past what has been cleaned away. */
  readonly nextOffset: number
}

/**
 * Up to `maxCount` messages of one queue from `queueOffset` on, for the broker's own use of its internal topics.
 * Rejects with ResponseError SYSTEM_ERROR when the disk fails.
 */
export async function readQueue(
  store: Store,
  topic: string,
  queueId: number,
  queueOffset: number,
  maxCount: number,
): Promise<QueueRead> {
  const result = await store.getMessage({ topic, queueId, queueOffset, maxCount })
  try {
    const messages: DecodedMessage[] = []
    const damaged: number[] = []
    for (const slice of result.records) {
      const records = Buffer.from(slice)
      for (let at = 0; at < records.length; at += recordTotalSize(records, at)) {
        try {
          messages.push(decodeRecord(records, at))
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error
          damaged.push(recordQueueOffset(records, at))
        }
      }
    }
    return { status: result.status, messages, damaged, nextOffset: result.nextBeginOffset }
  } finally {
    result.release()
  }
}
