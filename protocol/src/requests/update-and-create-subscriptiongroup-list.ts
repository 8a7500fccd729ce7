import { subscriptionGroupList } from '../bodies/index.ts'
import { request } from '../request.ts'

/** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST: makes or changes several consumer groups. */
export const updateAndCreateSubscriptiongroupList = request({
  code: 225,
  body: subscriptionGroupList,
})
