import { producerTableInfo } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_ALL_PRODUCER_INFO: all producers by group. */
export const getAllProducerInfo = request({
  code: 328,
  replyBody: producerTableInfo,
})
