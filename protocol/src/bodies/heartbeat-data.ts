import { items, s, type TypeOf } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** ConsumeType.java */
export const consumeType = s.oneOf('CONSUME_ACTIVELY', 'CONSUME_PASSIVELY', 'CONSUME_POP')
export type ConsumeType = TypeOf<typeof consumeType>

/** MessageModel.java; LITE_SELECTIVE is 5.5's. */
export const messageModel = s.oneOf('BROADCASTING', 'CLUSTERING', 'LITE_SELECTIVE')
export type MessageModel = TypeOf<typeof messageModel>

/** ConsumeFromWhere.java, with its deprecated ones. */
export const consumeFromWhere = s.oneOf(
  'CONSUME_FROM_LAST_OFFSET',
  'CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST',
  'CONSUME_FROM_MIN_OFFSET',
  'CONSUME_FROM_MAX_OFFSET',
  'CONSUME_FROM_FIRST_OFFSET',
  'CONSUME_FROM_TIMESTAMP',
)
export type ConsumeFromWhere = TypeOf<typeof consumeFromWhere>

/** ConsumerData.java: a consumer group that the client is a member of. */
export const consumerData = s.bean({
  consumeFromWhere: consumeFromWhere.default('CONSUME_FROM_LAST_OFFSET'),
  consumeType: consumeType.default('CONSUME_PASSIVELY'),
  groupName: s.string(),
  messageModel: messageModel.default('CLUSTERING'),
  subscriptionDataSet: items(subscriptionData),
  unitMode: s.bool().default(false),
})
export type ConsumerData = TypeOf<typeof consumerData>

/** ProducerData.java */
export const producerData = s.bean({ groupName: s.string() })
export type ProducerData = TypeOf<typeof producerData>

/** HeartbeatData.java: who a client is, and which groups it belongs to. */
export const heartbeatData = s.bean({
  clientID: s.string(),
  consumerDataSet: items(consumerData),
  /** Of a version 2 heartbeat: hash of the rest; 0 otherwise. */
  heartbeatFingerprint: s.int().default(0),
  producerDataSet: items(producerData),
  /** Of a version 2 heartbeat: subscriptions are left out and stay what they were. */
  withoutSub: s.bool().default(false),
})
export type HeartbeatData = TypeOf<typeof heartbeatData>
