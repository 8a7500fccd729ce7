import { heartbeatData } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * HEART_BEAT: a client says which groups it serves and what they subscribe to. `isSubChange` asks it for a full
 * heartbeat.
 */
export const heartBeat = request({
  code: 34,
  body: heartbeatData,
  reply: {
    isSupportHeartBeatV2: f.bool().optional().as('IS_SUPPORT_HEART_BEAT_V2'),
    isSubChange: f.bool().optional().as('IS_SUB_CHANGE'),
  },
})
