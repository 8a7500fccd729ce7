import { subscriptionGroupConfig } from '../bodies/index.ts'
import { request } from '../request.ts'

/** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: makes or changes a consumer group. */
export const updateAndCreateSubscriptiongroup = request({
  code: 200,
  body: subscriptionGroupConfig,
})
