import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * Ours, not RocketMQ's: a master whose topics, groups or offsets have changed tells a replica to take that over now. The answer comes when
 * it is on the replica's disk.
 */
export const synchronizeMetadata = request({
  code: 52_001,
  header: {
    /** A replica that follows another master refuses. */
    masterEpoch: f.int(),
  },
  reply: {},
})
