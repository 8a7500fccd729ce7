import { dataVersion } from './data-version.ts'
import { s, type TypeOf, table } from './shape.ts'

/** Queue offsets by `topic@group` and queue id. */
const offsetTable = table(s.map(s.int(), s.long()))

/** ConsumerOffsetSerializeWrapper.java: what a slave copies. */
export const consumerOffsetSerializeWrapper = s.bean({ dataVersion: dataVersion.optional(), offsetTable })
export type ConsumerOffsetSerializeWrapper = TypeOf<typeof consumerOffsetSerializeWrapper>

/**
 * config/consumerOffset.json. `groupTopicMap` is computed from the offsets and read by nobody, but Apache writes it.
 * `lmqOffsetTable` only exists in lmqConsumerOffset.json.
 */
export const consumerOffset = s.bean({
  dataVersion: dataVersion.optional(),
  groupTopicMap: s.map(s.string(), s.list(s.string())).optional(),
  lmqOffsetTable: s.map(s.string(), s.long()).optional(),
  offsetTable,
  /** Since 5.5.0: what was pulled, not what was consumed. */
  pullOffsetTable: s.map(s.string(), s.map(s.int(), s.long())).optional(),
})
export type ConsumerOffset = TypeOf<typeof consumerOffset>
