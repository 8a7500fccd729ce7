import { s, type TypeOf } from './shape.ts'

/** AclInfo.PolicyEntryInfo */
export const policyEntryInfo = s.bean({
  actions: s.list(s.string()).optional(),
  decision: s.string().optional(),
  resource: s.string().optional(),
  sourceIps: s.list(s.string()).optional(),
})

/** AclInfo.PolicyInfo */
export const policyInfo = s.bean({ entries: s.list(policyEntryInfo).optional(), policyType: s.string().optional() })

/** AclInfo.java of ACL 2.0: what `User:name` may do. */
export const aclInfo = s.bean({ policies: s.list(policyInfo).optional(), subject: s.string().optional() })
export type AclInfo = TypeOf<typeof aclInfo>
