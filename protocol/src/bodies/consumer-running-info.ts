import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf, table } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** ProcessQueueInfo.java: what a consumer holds of one queue; times in ms. */
export const processQueueInfo = s.bean({
  cachedMsgCount: s.int().default(0),
  cachedMsgMaxOffset: s.long().default(0),
  cachedMsgMinOffset: s.long().default(0),
  cachedMsgSizeInMiB: s.int().default(0),
  commitOffset: s.long().default(0),
  droped: s.bool().default(false),
  lastConsumeTimestamp: s.long().default(0),
  lastLockTimestamp: s.long().default(0),
  lastPullTimestamp: s.long().default(0),
  locked: s.bool().default(false),
  transactionMsgCount: s.int().default(0),
  transactionMsgMaxOffset: s.long().default(0),
  transactionMsgMinOffset: s.long().default(0),
  tryUnlockTimes: s.long().default(0),
})
export type ProcessQueueInfo = TypeOf<typeof processQueueInfo>

/** PopProcessQueueInfo.java */
export const popProcessQueueInfo = s.bean({
  droped: s.bool().default(false),
  lastPopTimestamp: s.long().default(0),
  waitAckCount: s.int().default(0),
})
export type PopProcessQueueInfo = TypeOf<typeof popProcessQueueInfo>

/** ConsumeStatus.java: times in ms, rates per second. */
export const consumeStatus = s.bean({
  consumeFailedMsgs: s.long().default(0),
  consumeFailedTPS: s.double().default(0),
  consumeOKTPS: s.double().default(0),
  consumeRT: s.double().default(0),
  pullRT: s.double().default(0),
  pullTPS: s.double().default(0),
})
export type ConsumeStatus = TypeOf<typeof consumeStatus>

/** ConsumerRunningInfo.java */
export const consumerRunningInfo = s.bean({
  jstack: s.string().optional(),
  mqPopTable: s.map(messageQueue, popProcessQueueInfo).default(() => new Map()),
  mqTable: s.map(messageQueue, processQueueInfo).default(() => new Map()),
  properties: table(s.string()),
  statusTable: table(consumeStatus),
  subscriptionSet: items(subscriptionData),
  userConsumerInfo: table(s.string()),
})
export type ConsumerRunningInfo = TypeOf<typeof consumerRunningInfo>
