import { userInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_GET_USER: one user; no body when there is none. */
export const authGetUser = request({
  code: 3004,
  header: { username: f.string() },
  replyBody: userInfo,
})
