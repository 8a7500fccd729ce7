import { aclInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_GET_ACL: the policies of a subject; no body when there are none. */
export const authGetAcl = request({
  code: 3009,
  header: { subject: f.string() },
  replyBody: aclInfo,
})
