import { f } from '../fields.ts'
import { request } from '../request.ts'

/** AUTH_DELETE_USER: removes a user. */
export const authDeleteUser = request({
  code: 3003,
  header: { username: f.string() },
})
