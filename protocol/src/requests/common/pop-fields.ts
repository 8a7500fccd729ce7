import { f } from '../../fields.ts'

/**
 * What a pop has taken (PopMessageResponseHeader.java): the three texts say which offsets of which queues. All zero and
 * absent when nothing was found.
 */
export const popReply = {
  popTime: f.long().default(0),
  invisibleTime: f.long().default(0),
  reviveQid: f.int().default(0),
  restNum: f.long().default(0),
  startOffsetInfo: f.string().optional(),
  msgOffsetInfo: f.string().optional(),
  orderCountInfo: f.string().optional(),
}
