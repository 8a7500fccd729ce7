import { groupProblem, ResponseError, type SubscriptionGroupConfig } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import type { NamedGroup } from '../metadata/subscription-groups.ts'

/** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: creates a consumer group or replaces its settings. */
export const updateAndCreateSubscriptiongroup: Handler<'updateAndCreateSubscriptiongroup'> = async (
  _header,
  { body, groups },
) => {
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the request has no SubscriptionGroupConfig as its body')
  await groups.put(checkedGroup(body))
  return {}
}

/** Throws INVALID_PARAMETER for a name that no group may have. */
export function checkedGroup(config: SubscriptionGroupConfig): NamedGroup {
  const groupName = config.groupName ?? ''
  const problem = groupProblem(groupName)
  if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  return { ...config, groupName }
}
