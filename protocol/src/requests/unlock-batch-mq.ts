import { unlockBatchRequestBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** UNLOCK_BATCH_MQ: an orderly consumer gives its queues back. */
export const unlockBatchMq = request({
  code: 42,
  body: unlockBatchRequestBody,
})
