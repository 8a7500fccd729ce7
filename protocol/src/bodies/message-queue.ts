import { s, type TypeOf } from './shape.ts'

/** MessageQueue.java: one queue of one broker group. Also the key of several maps. */
export const messageQueue = s.bean({ brokerName: s.string(), queueId: s.int().default(0), topic: s.string() })
export type MessageQueue = TypeOf<typeof messageQueue>
