import { f } from '../fields.ts'
import { request } from '../request.ts'
import { userInfoList } from './common/list-bodies.ts'

/** AUTH_LIST_USER: users whose name contains `filter`; no body when there are none. */
export const authListUser = request({
  code: 3005,
  header: { filter: f.string().optional() },
  replyBody: userInfoList,
})
