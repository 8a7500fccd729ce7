import { aclInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_CREATE_ACL: gives a subject (`User:name`) policies. */
export const authCreateAcl = request({
  code: 3006,
  header: { subject: f.string() },
  body: aclInfo,
})
