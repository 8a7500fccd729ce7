import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'
import { popReply } from './common/pop-fields.ts'

/**
 * POP_MESSAGE: messages that nobody else gets for `invisibleTime` ms; `queueId` -1 takes any queue. `initMode`: a new
 * group starts at 0 the oldest, 1 the newest message.
 */
export const popMessage = request({
  code: 200050,
  header: {
    consumerGroup: f.string(),
    topic: f.string(),
    queueId: f.int(),
    maxMsgNums: f.int(),
    invisibleTime: f.long(),
    pollTime: f.long(),
    bornTime: f.long().default(0),
    initMode: f.int(),
    expType: f.string().optional(),
    exp: f.string().optional(),
    order: f.bool().default(false),
    attemptId: f.string().optional(),
  },
  reply: popReply,
  replyBody: bytesBody,
  answers: ['PULL_NOT_FOUND', 'PULL_RETRY_IMMEDIATELY', 'POLLING_FULL', 'POLLING_TIMEOUT'],
})
