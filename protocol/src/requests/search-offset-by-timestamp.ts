import { f } from '../fields.ts'
import { request } from '../request.ts'
import { boundaryType } from './common/boundary-type.ts'

/** SEARCH_OFFSET_BY_TIMESTAMP: the queue offset of the message stored at `timestamp` (ms). */
export const searchOffsetByTimestamp = request({
  code: 29,
  header: {
    topic: f.string(),
    liteTopic: f.string().optional(),
    queueId: f.int(),
    timestamp: f.long(),
    boundaryType: boundaryType(),
  },
  reply: { offset: f.long() },
})
