import { userInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_UPDATE_USER: changes a user. */
export const authUpdateUser = request({
  code: 3002,
  header: { username: f.string() },
  body: userInfo,
})
