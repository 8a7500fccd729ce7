import { userInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_CREATE_USER: makes a user. */
export const authCreateUser = request({
  code: 3001,
  header: { username: f.string() },
  body: userInfo,
})
