import { consumeFromWhere, consumeType, messageModel } from './heartbeat-data.ts'
import { items, s, type TypeOf, table } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** Connection.java: one client's connection as the broker sees it; `version` is an ordinal of MQVersion. */
export const connection = s.bean({
  clientAddr: s.string().optional(),
  clientId: s.string().optional(),
  language: s.string().optional(),
  version: s.int().default(0),
})
export type Connection = TypeOf<typeof connection>

/** ConsumerConnection.java */
export const consumerConnection = s.bean({
  connectionSet: items(connection),
  consumeFromWhere: consumeFromWhere.optional(),
  consumeType: consumeType.optional(),
  messageModel: messageModel.optional(),
  subscriptionTable: table(subscriptionData),
})
export type ConsumerConnection = TypeOf<typeof consumerConnection>

/** ProducerConnection.java */
export const producerConnection = s.bean({ connectionSet: items(connection) })
export type ProducerConnection = TypeOf<typeof producerConnection>

/** ProducerInfo.java */
export const producerInfo = s.bean({
  clientId: s.string().optional(),
  language: s.string().optional(),
  lastUpdateTimestamp: s.long().default(0),
  remoteIP: s.string().optional(),
  version: s.int().default(0),
})
export type ProducerInfo = TypeOf<typeof producerInfo>

/** ProducerTableInfo.java: producers by group. */
export const producerTableInfo = s.bean({ data: table(s.list(producerInfo)) })
export type ProducerTableInfo = TypeOf<typeof producerTableInfo>
