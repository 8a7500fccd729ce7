import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * CONSUMER_SEND_MSG_BACK: a consumer failed on the record at physical `offset`: deliver it again later. `delayLevel` 0
 * lets the broker choose, below 0 goes to the dead letters.
 */
export const consumerSendMsgBack = request({
  code: 36,
  header: {
    offset: f.long(),
    group: f.string(),
    delayLevel: f.int(),
    originMsgId: f.string().optional(),
    originTopic: f.string().optional(),
    unitMode: f.bool().default(false),
    maxReconsumeTimes: f.int().optional(),
  },
})
