import { haRuntimeInfo } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_BROKER_HA_STATUS: replication as this broker sees it. */
export const getBrokerHaStatus = request({
  code: 907,
  replyBody: haRuntimeInfo,
})
