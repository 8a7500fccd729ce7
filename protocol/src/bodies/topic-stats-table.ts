import { messageQueue } from './message-queue.ts'
import { s, type TypeOf } from './shape.ts'

/** TopicOffset.java: entries from minOffset up to but not including maxOffset; time in ms, 0 without messages. */
export const topicOffset = s.bean({
  lastUpdateTimestamp: s.long().default(0),
  maxOffset: s.long().default(0),
  minOffset: s.long().default(0),
})
export type TopicOffset = TypeOf<typeof topicOffset>

/** TopicStatsTable.java */
export const topicStatsTable = s.bean({
  offsetTable: s.map(messageQueue, topicOffset).default(() => new Map()),
  topicPutTps: s.double().default(0),
})
export type TopicStatsTable = TypeOf<typeof topicStatsTable>
