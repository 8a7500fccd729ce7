import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { sendHeaderV2, sendReply } from './common/send-fields.ts'

/**
 * SEND_BATCH_MESSAGE: several messages in one body; `msgId` of the answer lists their ids with commas. Always the V2
 * header.
 */
export const sendBatchMessage = request({
  code: 320,
  header: sendHeaderV2,
  body: bytesBody,
  reply: sendReply,
  // The message is stored, but not (yet) where the broker was told to have it: SendStatus of the result.
  answers: ['FLUSH_DISK_TIMEOUT', 'FLUSH_SLAVE_TIMEOUT', 'SLAVE_NOT_AVAILABLE'],
})
