import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf } from './shape.ts'

/**
 * QueueTimeSpan.java, all times in ms. The texts are computed from the numbers, as `yyyy-MM-dd#HH:mm:ss:SSS` in the
 * broker's time zone; readers may ignore them.
 */
export const queueTimeSpan = s.bean({
  consumeTimeStamp: s.long().default(0),
  consumeTimeStampStr: s.string().optional(),
  delayTime: s.long().default(0),
  maxTimeStamp: s.long().default(0),
  maxTimeStampStr: s.string().optional(),
  messageQueue: messageQueue.optional(),
  minTimeStamp: s.long().default(0),
  minTimeStampStr: s.string().optional(),
})
export type QueueTimeSpan = TypeOf<typeof queueTimeSpan>

/** QueryConsumeTimeSpanBody.java */
export const queryConsumeTimeSpanBody = s.bean({ consumeTimeSpanSet: items(queueTimeSpan) })
export type QueryConsumeTimeSpanBody = TypeOf<typeof queryConsumeTimeSpanBody>
