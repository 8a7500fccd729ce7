import { s, type TypeOf } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** ConsumeQueueData.java: one entry. tagsCode may be an address in consumequeue_ext, where each bit counts. */
export const consumeQueueData = s.bean({
  bitMap: s.string().optional(),
  eval: s.bool().default(false),
  extendDataJson: s.string().optional(),
  msg: s.string().optional(),
  physicOffset: s.long().default(0),
  physicSize: s.int().default(0),
  tagsCode: s.bigint().default(0n),
})
export type ConsumeQueueData = TypeOf<typeof consumeQueueData>

/** QueryConsumeQueueResponseBody.java */
export const queryConsumeQueueResponseBody = s.bean({
  filterData: s.string().optional(),
  maxQueueIndex: s.long().default(0),
  minQueueIndex: s.long().default(0),
  queueData: s.list(consumeQueueData).optional(),
  subscriptionData: subscriptionData.optional(),
})
export type QueryConsumeQueueResponseBody = TypeOf<typeof queryConsumeQueueResponseBody>
