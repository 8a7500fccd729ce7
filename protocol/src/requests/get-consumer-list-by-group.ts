import { getConsumerListByGroupResponseBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_CONSUMER_LIST_BY_GROUP: the client ids of a consumer group. */
export const getConsumerListByGroup = request({
  code: 38,
  header: { consumerGroup: f.string() },
  replyBody: getConsumerListByGroupResponseBody,
})
