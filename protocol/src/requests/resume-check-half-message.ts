import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * RESUME_CHECK_HALF_MESSAGE: checks a half message again whose producer never answered. `msgId` is an offsetMsgId.
 */
export const resumeCheckHalfMessage = request({
  code: 323,
  header: { topic: f.string().optional(), msgId: f.string().optional() },
})
