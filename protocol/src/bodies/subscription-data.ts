import { items, s, type TypeOf } from './shape.ts'

/** SubscriptionData.java. `codeSet` holds Java's String.hashCode of each tag; `subVersion` is a time in ms. */
export const subscriptionData = s.bean({
  classFilterMode: s.bool().default(false),
  codeSet: items(s.int()),
  expressionType: s.string().default('TAG'),
  subString: s.string().optional(),
  subVersion: s.long().default(0),
  tagsSet: items(s.string()),
  topic: s.string(),
})
export type SubscriptionData = TypeOf<typeof subscriptionData>
