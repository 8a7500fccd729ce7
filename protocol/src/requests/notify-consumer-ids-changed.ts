import { f } from '../fields.ts'
import { request } from '../request.ts'

/** NOTIFY_CONSUMER_IDS_CHANGED: the members of a consumer group changed: rebalance now. */
export const notifyConsumerIdsChanged = request({
  code: 40,
  header: { consumerGroup: f.string() },
  oneWay: true,
})
