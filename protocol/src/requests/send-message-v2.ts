import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { sendHeaderV2, sendReply } from './common/send-fields.ts'

/**
 * SEND_MESSAGE_V2: SEND_MESSAGE with one-letter names (SendMessageRequestHeaderV2.java). The body is a batch when
 * `batch` is true, whatever the code.
 */
export const sendMessageV2 = request({
  code: 310,
  header: sendHeaderV2,
  body: bytesBody,
  reply: sendReply,
  // The message is stored, but not (yet) where the broker was told to have it: SendStatus of the result.
  answers: ['FLUSH_DISK_TIMEOUT', 'FLUSH_SLAVE_TIMEOUT', 'SLAVE_NOT_AVAILABLE'],
})
