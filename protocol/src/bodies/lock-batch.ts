import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf } from './shape.ts'

/** LockBatchRequestBody.java: a consumer asks for the order locks of queues. */
export const lockBatchRequestBody = s.bean({
  clientId: s.string(),
  consumerGroup: s.string(),
  mqSet: items(messageQueue),
  onlyThisBroker: s.bool().default(false),
})
export type LockBatchRequestBody = TypeOf<typeof lockBatchRequestBody>

/** LockBatchResponseBody.java: those it was given. */
export const lockBatchResponseBody = s.bean({ lockOKMQSet: items(messageQueue) })
export type LockBatchResponseBody = TypeOf<typeof lockBatchResponseBody>

/** UnlockBatchRequestBody.java */
export const unlockBatchRequestBody = s.bean({
  clientId: s.string(),
  consumerGroup: s.string(),
  mqSet: items(messageQueue),
  onlyThisBroker: s.bool().default(false),
})
export type UnlockBatchRequestBody = TypeOf<typeof unlockBatchRequestBody>
