import { messageModel } from './heartbeat-data.ts'
import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf, table } from './shape.ts'

/** MessageRequestMode.java */
export const messageRequestMode = s.oneOf('PULL', 'POP')
export type MessageRequestMode = TypeOf<typeof messageRequestMode>

/** QueryAssignmentRequestBody.java; the broker knows the strategies AVG and AVG_BY_CIRCLE. */
export const queryAssignmentRequestBody = s.bean({
  clientId: s.string(),
  consumerGroup: s.string(),
  messageModel: messageModel.optional(),
  strategyName: s.string().optional(),
  topic: s.string(),
})
export type QueryAssignmentRequestBody = TypeOf<typeof queryAssignmentRequestBody>

/** MessageQueueAssignment.java */
export const messageQueueAssignment = s.bean({
  attachments: s.map(s.string(), s.string()).optional(),
  messageQueue: messageQueue.optional(),
  mode: messageRequestMode.default('PULL'),
})
export type MessageQueueAssignment = TypeOf<typeof messageQueueAssignment>

/** QueryAssignmentResponseBody.java */
export const queryAssignmentResponseBody = s.bean({ messageQueueAssignments: items(messageQueueAssignment) })
export type QueryAssignmentResponseBody = TypeOf<typeof queryAssignmentResponseBody>

/** SetMessageRequestModeRequestBody.java */
export const setMessageRequestModeRequestBody = s.bean({
  consumerGroup: s.string(),
  mode: messageRequestMode.default('PULL'),
  popShareQueueNum: s.int().default(0),
  topic: s.string(),
})
export type SetMessageRequestModeRequestBody = TypeOf<typeof setMessageRequestModeRequestBody>

/** MessageRequestModeSerializeWrapper.java, and config/messageRequestMode.json: by topic and group. */
export const messageRequestModeSerializeWrapper = s.bean({
  messageRequestModeMap: table(table(setMessageRequestModeRequestBody)),
})
export type MessageRequestModeSerializeWrapper = TypeOf<typeof messageRequestModeSerializeWrapper>
