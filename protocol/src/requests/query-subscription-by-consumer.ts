import { querySubscriptionResponseBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_SUBSCRIPTION_BY_CONSUMER: what a group subscribes to in a topic. */
export const querySubscriptionByConsumer = request({
  code: 345,
  header: { group: f.string(), topic: f.string().optional() },
  replyBody: querySubscriptionResponseBody,
})
