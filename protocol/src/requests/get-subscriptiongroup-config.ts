import { subscriptionGroupConfig } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_SUBSCRIPTIONGROUP_CONFIG: one consumer group. */
export const getSubscriptiongroupConfig = request({
  code: 352,
  header: { group: f.string() },
  replyBody: subscriptionGroupConfig,
})
