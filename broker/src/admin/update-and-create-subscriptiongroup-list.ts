import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { checkedGroup } from './update-and-create-subscriptiongroup.ts'

/** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST: several groups at once, all of them or, on any error, none. */
export const updateAndCreateSubscriptiongroupList: Handler<'updateAndCreateSubscriptiongroupList'> = async (
  _header,
  { body, groups },
) => {
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the request has no groupConfigList as its body')
  const configs = body.groupConfigList.map(checkedGroup)
  if (configs.length > 0) await groups.putAll(configs)
  return {}
}
