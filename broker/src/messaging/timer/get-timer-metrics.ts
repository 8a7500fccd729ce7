import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'

/** GET_TIMER_METRICS: how many messages wait for their time, by topic, as slaves copy it. */
export const getTimerMetrics: Handler<'getTimerMetrics'> = (_header, { timer }) => {
  if (!timer.running)
    throw new ResponseError('SYSTEM_ERROR', 'The timer message store is null: timerWheelEnable is false')
  return { body: timer.metrics.snapshot() }
}
