import { timerMetrics } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_TIMER_METRICS: how many timed messages each topic waits for, for a slave. */
export const getTimerMetrics = request({
  code: 61,
  replyBody: timerMetrics,
})
