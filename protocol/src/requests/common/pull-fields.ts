import { f } from '../../fields.ts'

/**
 * What a consumer asks for (PullMessageRequestHeader.java). `requestSource`: -1 SDK, 0 proxy order, 1 proxy broadcast,
 * 2 proxy stream. The spelling of `proxyFrowardClientId` is the wire's.
 */
export const pullHeader = {
  consumerGroup: f.string(),
  topic: f.string(),
  liteTopic: f.string().optional(),
  queueId: f.int(),
  queueOffset: f.long(),
  maxMsgNums: f.int(),
  sysFlag: f.int(),
  commitOffset: f.long(),
  suspendTimeoutMillis: f.long(),
  subscription: f.string().optional(),
  subVersion: f.long(),
  expressionType: f.string().optional(),
  maxMsgBytes: f.int().optional(),
  requestSource: f.int().optional(),
  proxyFrowardClientId: f.string().optional(),
}

/** Where to go on (PullMessageResponseHeader.java); sent with every answer code. `forbiddenType` is ForbiddenType.java. */
export const pullReply = {
  suggestWhichBrokerId: f.long(),
  nextBeginOffset: f.long(),
  minOffset: f.long(),
  maxOffset: f.long(),
  offsetDelta: f.long().optional(),
  topicSysFlag: f.int().optional(),
  groupSysFlag: f.int().optional(),
  forbiddenType: f.int().optional(),
}
