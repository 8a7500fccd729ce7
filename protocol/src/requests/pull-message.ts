import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { pullHeader, pullReply } from './common/pull-fields.ts'

/**
 * PULL_MESSAGE: messages of one queue from `queueOffset` on; with the SUSPEND bit of `sysFlag` the broker holds the
 * answer up to `suspendTimeoutMillis`. `requestSource`: -1 SDK, 0 proxy order, 1 proxy broadcast, 2 proxy stream. The
 * header of the answer is there in every case.
 */
export const pullMessage = request({
  code: 11,
  header: pullHeader,
  reply: pullReply,
  replyBody: bytesBody,
  answers: ['PULL_NOT_FOUND', 'PULL_RETRY_IMMEDIATELY', 'PULL_OFFSET_MOVED'],
})
