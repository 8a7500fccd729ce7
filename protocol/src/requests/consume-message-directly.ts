import { consumeMessageDirectlyResult } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/**
 * CONSUME_MESSAGE_DIRECTLY: has one client consume one message now. The broker adds the record and asks the client.
 */
export const consumeMessageDirectly = request({
  code: 309,
  header: {
    consumerGroup: f.string(),
    clientId: f.string().optional(),
    msgId: f.string().optional(),
    brokerName: f.string().optional(),
    topic: f.string().optional(),
    topicSysFlag: f.int().optional(),
    groupSysFlag: f.int().optional(),
  },
  body: bytesBody,
  replyBody: consumeMessageDirectlyResult,
})
