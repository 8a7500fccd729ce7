import { resetOffsetBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * INVOKE_BROKER_TO_RESET_OFFSET: moves a group to where a topic was at `timestamp` (ms; -1 is now), or one queue to
 * `offset`.
 */
export const invokeBrokerToResetOffset = request({
  code: 222,
  header: {
    topic: f.string(),
    group: f.string(),
    timestamp: f.long(),
    isForce: f.bool().default(true),
    queueId: f.int().default(-1),
    offset: f.long().optional(),
  },
  replyBody: resetOffsetBody,
})
