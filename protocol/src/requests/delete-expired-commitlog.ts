import { request } from '../request.ts'

/** DELETE_EXPIRED_COMMITLOG: removes expired files now rather than at `deleteWhen`. */
export const deleteExpiredCommitlog = request({
  code: 329,
})
