import { resetOffsetBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** RESET_CONSUMER_CLIENT_OFFSET: the broker tells a consumer to go on from other offsets. */
export const resetConsumerClientOffset = request({
  code: 220,
  header: {
    topic: f.string(),
    group: f.string(),
    timestamp: f.long(),
    isForce: f.bool().default(true),
    queueId: f.int().default(-1),
    offset: f.long().optional(),
  },
  body: resetOffsetBody,
  oneWay: true,
})
