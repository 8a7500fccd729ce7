import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { sendHeader, sendReply } from './common/send-fields.ts'

/**
 * SEND_MESSAGE: one message; a negative `queueId` lets the broker choose. Times in ms, `bornTimestamp` since 1970.
 */
export const sendMessage = request({
  code: 10,
  header: sendHeader,
  body: bytesBody,
  reply: sendReply,
  // The message is stored, but not (yet) where the broker was told to have it: SendStatus of the result.
  answers: ['FLUSH_DISK_TIMEOUT', 'FLUSH_SLAVE_TIMEOUT', 'SLAVE_NOT_AVAILABLE'],
})
