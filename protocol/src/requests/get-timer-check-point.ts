import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** GET_TIMER_CHECK_POINT: the timer's check point, for a slave: seven big-endian longs (TimerCheckpoint.java). */
export const getTimerCheckPoint = request({
  code: 60,
  replyBody: bytesBody,
})
