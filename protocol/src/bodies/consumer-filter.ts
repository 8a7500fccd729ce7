import { s, type TypeOf, table } from './shape.ts'

/** ConsumerFilterData.java: an SQL92 subscription; times in ms, `deadTime` 0 while it lives. */
export const consumerFilterData = s.bean({
  bloomFilterData: s.bean({ bitNum: s.int().default(0), bitPos: s.list(s.int()).default(() => []) }).optional(),
  bornTime: s.long().default(0),
  clientVersion: s.long().default(0),
  consumerGroup: s.string().optional(),
  /** Derived from the two times; Apache writes it and does not read it. */
  dead: s.bool().optional(),
  deadTime: s.long().default(0),
  expression: s.string().optional(),
  expressionType: s.string().optional(),
  topic: s.string().optional(),
})
export type ConsumerFilterData = TypeOf<typeof consumerFilterData>

/** ConsumerFilterManager.java: config/consumerFilter.json, by topic and group. */
export const consumerFilter = s.bean({
  filterDataByTopic: table(s.bean({ groupFilterData: table(consumerFilterData), topic: s.string().optional() })),
})
export type ConsumerFilter = TypeOf<typeof consumerFilter>
