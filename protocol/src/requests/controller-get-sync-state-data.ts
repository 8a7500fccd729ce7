import { brokerReplicasInfo } from '../bodies/index.ts'
import { request } from '../request.ts'
import { stringList } from './common/list-bodies.ts'

/** CONTROLLER_GET_SYNC_STATE_DATA: who is in sync, for each group named in the body. */
export const controllerGetSyncStateData = request({
  code: 1006,
  body: stringList,
  replyBody: brokerReplicasInfo,
})
