import { f } from '../fields.ts'
import { request } from '../request.ts'

/** DELETE_SUBSCRIPTIONGROUP: removes a consumer group, with `cleanOffset` also where it stood. */
export const deleteSubscriptiongroup = request({
  code: 207,
  header: { groupName: f.string(), cleanOffset: f.bool().default(false) },
})
