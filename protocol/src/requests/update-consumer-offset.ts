import { f } from '../fields.ts'
import { request } from '../request.ts'

/** UPDATE_CONSUMER_OFFSET: a group moved to `commitOffset` (entries) in one queue. */
export const updateConsumerOffset = request({
  code: 15,
  header: { consumerGroup: f.string(), topic: f.string(), queueId: f.int(), commitOffset: f.long() },
})
