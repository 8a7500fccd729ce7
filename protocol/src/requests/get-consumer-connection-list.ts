import { consumerConnection } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_CONSUMER_CONNECTION_LIST: who consumes as this group. CONSUMER_NOT_ONLINE when nobody does. */
export const getConsumerConnectionList = request({
  code: 203,
  header: { consumerGroup: f.string() },
  replyBody: consumerConnection,
})
