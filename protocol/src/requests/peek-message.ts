import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { popReply } from './common/pop-fields.ts'

/** PEEK_MESSAGE: what a pop would return, without taking it. */
export const peekMessage = request({
  code: 200052,
  header: { topic: f.string(), queueId: f.int(), maxMsgNums: f.int(), consumerGroup: f.string() },
  reply: popReply,
  replyBody: bytesBody,
  answers: ['PULL_NOT_FOUND', 'PULL_RETRY_IMMEDIATELY'],
})
