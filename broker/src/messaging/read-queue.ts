import { type DecodedMessage, decodeRecords } from '@rocketcluster/protocol'
import type { Store } from '../store/store.ts'
import type { GetMessageStatus } from '../store/types.ts'

export interface QueueRead {
  readonly status: GetMessageStatus
  /** In the order of the queue; copies, to be kept as long as one likes. */
  readonly messages: readonly DecodedMessage[]
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
    const messages = result.records.flatMap(records => decodeRecords(Buffer.from(records)))
    return { status: result.status, messages, nextOffset: result.nextBeginOffset }
  } finally {
    result.release()
  }
}
