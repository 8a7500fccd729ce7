import { queryCorrectionOffsetBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_CORRECTION_OFFSET: offsets at which a group may start so as to miss nothing. */
export const queryCorrectionOffset = request({
  code: 308,
  header: { filterGroups: f.string().optional(), compareGroup: f.string(), topic: f.string() },
  replyBody: queryCorrectionOffsetBody,
})
