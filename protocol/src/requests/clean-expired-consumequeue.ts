import { request } from '../request.ts'

/** CLEAN_EXPIRED_CONSUMEQUEUE: removes what consume queues have beyond the log. */
export const cleanExpiredConsumequeue = request({
  code: 306,
})
