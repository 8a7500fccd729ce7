import { items, s, type TypeOf } from './shape.ts'

/** BatchAck.java: acknowledged offsets of one pop; short names on the wire, the long ones are read too. */
export const batchAck = s.bean({
  /** Bit i, least significant first: offset `so` + i (Java's BitSet.toByteArray). */
  b: s
    .bytes()
    .alias('bitSet')
    .default(() => Buffer.alloc(0)),
  /** Consumer group. */
  c: s.string().alias('consumerGroup').optional(),
  /** Invisible time, ms. */
  it: s.long().alias('invisibleTime').default(0),
  /** Pop time, ms. */
  pt: s.long().alias('popTime').default(0),
  /** Queue id. */
  q: s.int().alias('queueId').default(0),
  /** '1': the retry topic; '2': its second form; '0': the topic itself. */
  r: s.string().alias('retry').optional(),
  /** Revive queue id. */
  rq: s.int().alias('reviveQueueId').default(0),
  /** Start offset. */
  so: s.long().alias('startOffset').default(0),
  /** Topic. */
  t: s.string().alias('topic').optional(),
})
export type BatchAck = TypeOf<typeof batchAck>

/** BatchAckMessageRequestBody.java */
export const batchAckMessageRequestBody = s.bean({ acks: items(batchAck), brokerName: s.string().optional() })
export type BatchAckMessageRequestBody = TypeOf<typeof batchAckMessageRequestBody>
