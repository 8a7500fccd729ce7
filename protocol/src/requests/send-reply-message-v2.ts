import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { sendHeaderV2, sendReply } from './common/send-fields.ts'

/** SEND_REPLY_MESSAGE_V2: SEND_REPLY_MESSAGE with one-letter names. */
export const sendReplyMessageV2 = request({
  code: 325,
  header: sendHeaderV2,
  body: bytesBody,
  reply: sendReply,
})
