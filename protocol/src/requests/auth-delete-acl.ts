import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_DELETE_ACL: removes policies of a subject. */
export const authDeleteAcl = request({
  code: 3008,
  header: { subject: f.string(), policyType: f.string().optional(), resource: f.string().optional() },
})
