import { groupProblem, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: creates a consumer group or replaces its settings. */
export const updateAndCreateSubscriptiongroup: Handler<'updateAndCreateSubscriptiongroup'> = async (
  _header,
  context,
) => {
  const { body, groups } = context
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the request has no SubscriptionGroupConfig as its body')
  const groupName = body.groupName ?? ''
  const problem = groupProblem(groupName)
  if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  await groups.put({ ...body, groupName })
  return {}
}
