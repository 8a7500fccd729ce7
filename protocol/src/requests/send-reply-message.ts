import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { sendHeader, sendReply } from './common/send-fields.ts'

/**
 * SEND_REPLY_MESSAGE: a consumer's reply of request-reply, for the producer named in the property REPLY_TO_CLIENT.
 */
export const sendReplyMessage = request({
  code: 324,
  header: sendHeader,
  body: bytesBody,
  reply: sendReply,
})
