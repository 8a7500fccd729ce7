import type { Handler } from '../handler.ts'

/** DELETE_SUBSCRIPTIONGROUP: forgets a consumer group, with `cleanOffset` also how far it came. */
export const deleteSubscriptiongroup: Handler<'deleteSubscriptiongroup'> = async (header, { groups, offsets }) => {
  await groups.delete(header.groupName)
  if (header.cleanOffset) {
    offsets.deleteGroup(header.groupName)
    await offsets.flush()
  }
  return {}
}
