import { batchAckMessageRequestBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** BATCH_ACK_MESSAGE: several popped messages were consumed. */
export const batchAckMessage = request({
  code: 200151,
  body: batchAckMessageRequestBody,
  answers: ['NO_MESSAGE'],
})
