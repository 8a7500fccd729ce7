import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CHANGE_MESSAGE_INVISIBLETIME: a popped message stays invisible for `invisibleTime` ms from now. */
export const changeMessageInvisibletime = request({
  code: 200053,
  header: {
    consumerGroup: f.string(),
    topic: f.string(),
    queueId: f.int(),
    extraInfo: f.string(),
    offset: f.long(),
    invisibleTime: f.long(),
    liteTopic: f.string().optional(),
    suspend: f.bool().default(false),
  },
  reply: { popTime: f.long().default(0), invisibleTime: f.long().default(0), reviveQid: f.int().default(0) },
  answers: ['NO_MESSAGE'],
})
