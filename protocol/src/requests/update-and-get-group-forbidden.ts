import { groupForbidden } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** UPDATE_AND_GET_GROUP_FORBIDDEN: may a group read a topic? With `readable` also sets it. */
export const updateAndGetGroupForbidden = request({
  code: 353,
  header: { group: f.string(), topic: f.string(), readable: f.bool().optional() },
  replyBody: groupForbidden,
})
