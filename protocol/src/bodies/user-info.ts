import { s, type TypeOf } from './shape.ts'

/** UserInfo.java of ACL 2.0. */
export const userInfo = s.bean({
  password: s.string().optional(),
  userStatus: s.string().optional(),
  userType: s.string().optional(),
  username: s.string().optional(),
})
export type UserInfo = TypeOf<typeof userInfo>
