import { dataVersion } from './data-version.ts'
import { items, s, type TypeOf, table } from './shape.ts'

const info = {
  /** The broker group that these are the queues of. */
  bname: s.string().optional(),
  /** Global queue id to the id within the broker. */
  currIdMap: s.map(s.int(), s.int()).default(() => new Map()),
  dirty: s.bool().default(false),
  epoch: s.long().default(0),
  scope: s.string().default('__global__'),
  topic: s.string().optional(),
  totalQueues: s.int().default(0),
}

/** TopicQueueMappingInfo.java: where the queues of a static topic lie. */
export const topicQueueMappingInfo = s.bean(info)
export type TopicQueueMappingInfo = TypeOf<typeof topicQueueMappingInfo>

/** LogicQueueMappingItem.java; -1 means "open end". Times in ms. */
export const logicQueueMappingItem = s.bean({
  bname: s.string().optional(),
  endOffset: s.long().default(-1),
  gen: s.int().default(0),
  logicOffset: s.long().default(0),
  queueId: s.int().default(0),
  startOffset: s.long().default(0),
  timeOfEnd: s.long().default(-1),
  timeOfStart: s.long().default(-1),
})
export type LogicQueueMappingItem = TypeOf<typeof logicQueueMappingItem>

/** TopicQueueMappingDetail.java: with the history of each queue. */
export const topicQueueMappingDetail = s.bean({
  ...info,
  hostedQueues: s.map(s.int(), items(logicQueueMappingItem)).default(() => new Map()),
})
export type TopicQueueMappingDetail = TypeOf<typeof topicQueueMappingDetail>

/** TopicQueueMappingSerializeWrapper.java, and config/topicQueueMapping.json. */
export const topicQueueMappingSerializeWrapper = s.bean({
  dataVersion: dataVersion.optional(),
  topicQueueMappingInfoMap: table(topicQueueMappingDetail),
})
export type TopicQueueMappingSerializeWrapper = TypeOf<typeof topicQueueMappingSerializeWrapper>
