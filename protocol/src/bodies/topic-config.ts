import { s, type TypeOf, table } from './shape.ts'

/** TopicConfig.java. `perm` is 4 read + 2 write + 1 inherit; `topicSysFlag` 1 unit, 2 unit-sub. */
export const topicConfig = s.bean({
  attributes: table(s.string()),
  order: s.bool().default(false),
  perm: s.int().default(6),
  readQueueNums: s.int().default(16),
  topicFilterType: s.oneOf('SINGLE_TAG', 'MULTI_TAG').default('SINGLE_TAG'),
  topicName: s.string().optional(),
  topicSysFlag: s.int().default(0),
  writeQueueNums: s.int().default(16),
})
export type TopicConfig = TypeOf<typeof topicConfig>
