import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_SUBSCRIPTIONGROUP_CONFIG: the settings of one consumer group. */
export const getSubscriptiongroupConfig: Handler<'getSubscriptiongroupConfig'> = ({ group }, { groups }) => {
  const config = groups.get(group)
  if (!config) throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `No group in this broker. group: ${group}`)
  return { body: config }
}
