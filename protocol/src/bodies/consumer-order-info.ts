import { s, type TypeOf, table } from './shape.ts'

/** OrderInfo of ConsumerOrderInfoManager.java: an ordered pop of one queue that is not wholly acknowledged. */
export const orderInfo = s.bean({
  /** Attempt id. */
  a: s.string().alias('attemptId').optional(),
  /** Acknowledged offsets as bits. */
  cm: s.bigint().alias('commitOffsetBit').default(0n),
  /** Invisible time, ms. */
  i: s.long().alias('invisibleTime').optional(),
  /** When this was last consumed, ms. */
  l: s.long().alias('lastConsumeTimestamp').default(0),
  /** The first offset, then the differences to it. */
  o: s
    .list(s.long())
    .alias('offsetList')
    .default(() => []),
  /** Times consumed by offset. */
  oc: s.map(s.long(), s.int()).alias('offsetConsumedCount').optional(),
  /** When each offset becomes visible again, ms. */
  ot: s.map(s.long(), s.long()).alias('offsetNextVisibleTime').optional(),
  popTime: s.long().default(0),
})
export type OrderInfo = TypeOf<typeof orderInfo>

/** config/consumerOrderInfo.json: by `topic@group` and queue id. */
export const consumerOrderInfo = s.bean({ table: table(s.map(s.int(), orderInfo)) })
export type ConsumerOrderInfo = TypeOf<typeof consumerOrderInfo>
