import { aclInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_UPDATE_ACL: changes a subject's policies. */
export const authUpdateAcl = request({
  code: 3007,
  header: { subject: f.string() },
  body: aclInfo,
})
