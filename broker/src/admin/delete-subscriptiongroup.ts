import type { Handler } from '../handler.ts'

/** DELETE_SUBSCRIPTIONGROUP: forgets a consumer group, with `cleanOffset` also how far it came. */
export const deleteSubscriptiongroup: Handler<'deleteSubscriptiongroup'> = async (header, context) => {
  const { groups, offsets, pops, stats } = context
  await groups.delete(header.groupName)
  stats.forgetGroup(header.groupName)
  if (header.cleanOffset) {
    offsets.deleteGroup(header.groupName)
    pops.ledger.forgetOffsets(header.groupName)
    await offsets.flush()
  }
  return {}
}
