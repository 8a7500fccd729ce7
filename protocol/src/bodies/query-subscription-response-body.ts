import { s, type TypeOf } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** QuerySubscriptionResponseBody.java */
export const querySubscriptionResponseBody = s.bean({
  group: s.string().optional(),
  subscriptionData: subscriptionData.optional(),
  topic: s.string().optional(),
})
export type QuerySubscriptionResponseBody = TypeOf<typeof querySubscriptionResponseBody>
