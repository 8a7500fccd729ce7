import { dataVersion } from './data-version.ts'
import { items, s, type TypeOf, table } from './shape.ts'
import { subscriptionGroupConfig } from './subscription-group-config.ts'

/** SubscriptionGroupWrapper.java, and config/subscriptionGroup.json. `forbiddenTable`: bits by group and topic. */
export const subscriptionGroupWrapper = s.bean({
  dataVersion: dataVersion.default(() => ({ counter: 0, stateVersion: 0, timestamp: 0 })),
  forbiddenTable: table(table(s.int())),
  subscriptionGroupTable: table(subscriptionGroupConfig),
})
export type SubscriptionGroupWrapper = TypeOf<typeof subscriptionGroupWrapper>

/** SubscriptionGroupList.java */
export const subscriptionGroupList = s.bean({ groupConfigList: items(subscriptionGroupConfig) })
export type SubscriptionGroupList = TypeOf<typeof subscriptionGroupList>

/** GroupForbidden.java */
export const groupForbidden = s.bean({
  group: s.string().optional(),
  readable: s.bool().optional(),
  topic: s.string().optional(),
})
export type GroupForbidden = TypeOf<typeof groupForbidden>
