import { items, s, type TypeOf } from './shape.ts'

/** ConsumeByWho.java */
export const consumeByWho = s.bean({
  consumedGroup: items(s.string()),
  notConsumedGroup: items(s.string()),
  offset: s.long().default(0),
  queueId: s.int().default(0),
  topic: s.string().optional(),
})
export type ConsumeByWho = TypeOf<typeof consumeByWho>
