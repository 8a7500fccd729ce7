import { f } from '../fields.ts'
import { request } from '../request.ts'

/** NOTIFICATION: would a pop find something? Held up to `pollTime` ms. */
export const notification = request({
  code: 200054,
  header: {
    consumerGroup: f.string(),
    topic: f.string(),
    queueId: f.int(),
    pollTime: f.long(),
    bornTime: f.long().default(0),
    order: f.bool().default(false),
    attemptId: f.string().optional(),
    expType: f.string().optional(),
    exp: f.string().optional(),
  },
  reply: { hasMsg: f.bool().default(false), pollingFull: f.bool().default(false) },
})
