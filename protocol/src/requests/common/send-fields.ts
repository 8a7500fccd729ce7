import { f } from '../../fields.ts'

/** What travels with a message to be stored (SendMessageRequestHeader.java). A negative `queueId` lets the broker choose. */
export const sendHeader = {
  producerGroup: f.string(),
  topic: f.string(),
  defaultTopic: f.string(),
  defaultTopicQueueNums: f.int(),
  queueId: f.int(),
  sysFlag: f.int(),
  bornTimestamp: f.long(),
  flag: f.int(),
  properties: f.string().optional(),
  reconsumeTimes: f.int().optional(),
  unitMode: f.bool().default(false),
  batch: f.bool().default(false),
  maxReconsumeTimes: f.int().optional(),
}

/** The same in one-letter names (SendMessageRequestHeaderV2.java), and the broker the client means. */
export const sendHeaderV2 = {
  producerGroup: f.string().as('a'),
  topic: f.string().as('b'),
  defaultTopic: f.string().as('c'),
  defaultTopicQueueNums: f.int().as('d'),
  queueId: f.int().as('e'),
  sysFlag: f.int().as('f'),
  bornTimestamp: f.long().as('g'),
  flag: f.int().as('h'),
  properties: f.string().optional().as('i'),
  reconsumeTimes: f.int().optional().as('j'),
  unitMode: f.bool().default(false).as('k'),
  maxReconsumeTimes: f.int().optional().as('l'),
  batch: f.bool().default(false).as('m'),
  brokerName: f.string().optional().as('n'),
}

/** Where the message is now (SendMessageResponseHeader.java, and the two names that the broker adds outside of it). */
export const sendReply = {
  msgId: f.string(),
  queueId: f.int(),
  queueOffset: f.long(),
  transactionId: f.string().optional(),
  batchUniqId: f.string().optional(),
  recallHandle: f.string().optional(),
  regionId: f.string().optional().as('MSG_REGION'),
  traceOn: f.bool().optional().as('TRACE_ON'),
}
