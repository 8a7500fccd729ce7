import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { pullHeader, pullReply } from './common/pull-fields.ts'

/** LITE_PULL_MESSAGE: PULL_MESSAGE of a lite pull consumer (sysFlag LITE_PULL). */
export const litePullMessage = request({
  code: 361,
  header: pullHeader,
  reply: pullReply,
  replyBody: bytesBody,
  answers: ['PULL_NOT_FOUND', 'PULL_RETRY_IMMEDIATELY', 'PULL_OFFSET_MOVED'],
})
