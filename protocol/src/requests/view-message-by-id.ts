import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** VIEW_MESSAGE_BY_ID: the record at a physical offset, which is part of an offsetMsgId. */
export const viewMessageById = request({
  code: 33,
  header: { topic: f.string().optional(), offset: f.long() },
  replyBody: bytesBody,
})
