import { lockBatchRequestBody, lockBatchResponseBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** LOCK_BATCH_MQ: an orderly consumer locks queues; the answer lists those it holds. */
export const lockBatchMq = request({
  code: 41,
  body: lockBatchRequestBody,
  replyBody: lockBatchResponseBody,
})
