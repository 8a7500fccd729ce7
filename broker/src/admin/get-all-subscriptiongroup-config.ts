import { printVersion } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_ALL_SUBSCRIPTIONGROUP_CONFIG: the whole table, or a page of it by name. */
export const getAllSubscriptiongroupConfig: Handler<'getAllSubscriptiongroupConfig'> = (header, { groups }) => {
  if (header.unlessVersion === printVersion(groups.dataVersion)) return { sameVersion: true }
  const whole = groups.snapshot()
  const totalGroupNum = groups.count
  if (header.groupSeq === undefined || header.maxGroupNum === undefined) return { totalGroupNum, body: whole }
  const names = [...whole.subscriptionGroupTable.keys()].sort()
  const page = names.slice(header.groupSeq, header.groupSeq + Math.max(1, header.maxGroupNum))
  const subscriptionGroupTable = new Map(page.map(name => [name, whole.subscriptionGroupTable.get(name)!]))
  return { totalGroupNum, body: { ...whole, subscriptionGroupTable } }
}
