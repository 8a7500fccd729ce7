import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf, table } from './shape.ts'

/** ResetOffsetBody.java: queue offsets by queue. */
export const resetOffsetBody = s.bean({ offsetTable: s.map(messageQueue, s.long()).default(() => new Map()) })
export type ResetOffsetBody = TypeOf<typeof resetOffsetBody>

/** MessageQueueForC.java: the same without an object as key, for C++ clients. */
export const messageQueueForC = s.bean({
  brokerName: s.string(),
  offset: s.long().default(0),
  queueId: s.int().default(0),
  topic: s.string(),
})

/** ResetOffsetBodyForC.java */
export const resetOffsetBodyForC = s.bean({ offsetTable: items(messageQueueForC) })
export type ResetOffsetBodyForC = TypeOf<typeof resetOffsetBodyForC>

/** GetConsumerStatusBody.java: queue offsets by client and queue. */
export const getConsumerStatusBody = s.bean({
  consumerTable: table(s.map(messageQueue, s.long())),
  messageQueueTable: s.map(messageQueue, s.long()).default(() => new Map()),
})
export type GetConsumerStatusBody = TypeOf<typeof getConsumerStatusBody>

/** QueryCorrectionOffsetBody.java: queue offsets by queue id. */
export const queryCorrectionOffsetBody = s.bean({
  correctionOffsets: s.map(s.int(), s.long()).default(() => new Map()),
})
export type QueryCorrectionOffsetBody = TypeOf<typeof queryCorrectionOffsetBody>

/** RollbackStats.java, one item of the answer to RESET_CONSUMER_CLIENT_OFFSET in its old form. */
export const rollbackStats = s.bean({
  brokerName: s.string().optional(),
  brokerOffset: s.long().default(0),
  consumerOffset: s.long().default(0),
  queueId: s.long().default(0),
  rollbackOffset: s.long().default(0),
  timestampOffset: s.long().default(0),
})
export type RollbackStats = TypeOf<typeof rollbackStats>
