import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** PUSH_REPLY_MESSAGE_TO_CLIENT: the broker hands a reply to the producer that asked. Hosts are `ip:port`. */
export const pushReplyMessageToClient = request({
  code: 326,
  header: {
    producerGroup: f.string(),
    topic: f.string(),
    defaultTopic: f.string(),
    defaultTopicQueueNums: f.int(),
    queueId: f.int(),
    sysFlag: f.int(),
    bornTimestamp: f.long(),
    flag: f.int(),
    properties: f.string().optional(),
    reconsumeTimes: f.int().optional(),
    unitMode: f.bool().default(false),
    bornHost: f.string(),
    storeHost: f.string(),
    storeTimestamp: f.long(),
  },
  body: bytesBody,
})
