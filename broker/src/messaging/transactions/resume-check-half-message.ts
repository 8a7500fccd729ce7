import { FieldError, parseOffsetMsgId } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'

/** RESUME_CHECK_HALF_MESSAGE: asks again about a message that was moved to TRANS_CHECK_MAX_TIME_TOPIC. */
export const resumeCheckHalfMessage: Handler<'resumeCheckHalfMessage'> = async ({ msgId }, { transactions }) => {
  if (!msgId) throw new FieldError('msgId', 'is missing; it is the offsetMsgId of the message that was set aside')
  await transactions.resume(parseOffsetMsgId(msgId).physicalOffset)
  return {}
}
