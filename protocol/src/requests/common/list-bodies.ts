import { aclInfo } from '../../bodies/acl-info.ts'
import { body, items, s } from '../../bodies/shape.ts'
import { userInfo } from '../../bodies/user-info.ts'

/** Bodies that are a bare JSON list. */
export const stringList = body(items(s.string()))
export const userInfoList = body(items(userInfo))
export const aclInfoList = body(items(aclInfo))
