import { f } from '../fields.ts'
import { request } from '../request.ts'
import { aclInfoList } from './common/list-bodies.ts'

/** AUTH_LIST_ACL: policies by subject and resource; no body when there are none. */
export const authListAcl = request({
  code: 3010,
  header: { subjectFilter: f.string().optional(), resourceFilter: f.string().optional() },
  replyBody: aclInfoList,
})
