import { s, type TypeOf, table } from './shape.ts'

/** CustomizedRetryPolicy.java: delays in ms by reconsume times. */
export const customizedRetryPolicy = s.bean({ next: s.list(s.long()) })
/** ExponentialRetryPolicy.java: ms. */
export const exponentialRetryPolicy = s.bean({
  initial: s.long().default(5000),
  max: s.long().default(7_200_000),
  multiplier: s.long().default(2),
})

/** GroupRetryPolicy.java: the policy of its type is in use, or that policy's default when it is absent. */
export const groupRetryPolicy = s.bean({
  customizedRetryPolicy: customizedRetryPolicy.optional(),
  exponentialRetryPolicy: exponentialRetryPolicy.optional(),
  type: s.oneOf('CUSTOMIZED', 'EXPONENTIAL').default('CUSTOMIZED'),
})
export type GroupRetryPolicy = TypeOf<typeof groupRetryPolicy>

/** SimpleSubscriptionData.java */
export const simpleSubscriptionData = s.bean({
  expression: s.string().optional(),
  expressionType: s.string().optional(),
  topic: s.string().optional(),
  version: s.long().default(0),
})
export type SimpleSubscriptionData = TypeOf<typeof simpleSubscriptionData>

/** SubscriptionGroupConfig.java */
export const subscriptionGroupConfig = s.bean({
  attributes: table(s.string()),
  brokerId: s.long().default(0),
  consumeBroadcastEnable: s.bool().default(true),
  consumeEnable: s.bool().default(true),
  consumeFromMinEnable: s.bool().default(true),
  consumeMessageOrderly: s.bool().default(false),
  consumeTimeoutMinute: s.int().default(15),
  groupName: s.string().optional(),
  groupRetryPolicy: groupRetryPolicy.default(() => ({ type: 'CUSTOMIZED' })),
  groupSysFlag: s.int().default(0),
  notifyConsumerIdsChangedEnable: s.bool().default(true),
  retryMaxTimes: s.int().default(16),
  retryQueueNums: s.int().default(1),
  subscriptionDataSet: s.list(simpleSubscriptionData).optional(),
  whichBrokerWhenConsumeSlowly: s.long().default(1),
})
export type SubscriptionGroupConfig = TypeOf<typeof subscriptionGroupConfig>
