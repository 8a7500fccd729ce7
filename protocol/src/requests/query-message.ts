import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/**
 * QUERY_MESSAGE: messages by key and store time (ms); with `uniqueKeyQuery` the key is the client's unique id. The
 * body holds records.
 */
export const queryMessage = request({
  code: 12,
  header: {
    topic: f.string(),
    key: f.string(),
    maxNum: f.int(),
    beginTimestamp: f.long(),
    endTimestamp: f.long(),
    indexType: f.string().optional(),
    lastKey: f.string().optional(),
    uniqueKeyQuery: f.bool().default(false).as('_UNIQUE_KEY_QUERY'),
  },
  reply: { indexLastUpdateTimestamp: f.long(), indexLastUpdatePhyoffset: f.long() },
  replyBody: bytesBody,
  answers: ['QUERY_NOT_FOUND'],
})
