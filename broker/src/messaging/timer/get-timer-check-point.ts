import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'

/** GET_TIMER_CHECK_POINT: how far the timer is, as slaves copy it. */
export const getTimerCheckPoint: Handler<'getTimerCheckPoint'> = (_header, { timer }) => {
  const { checkpoint } = timer
  if (checkpoint === undefined)
    throw new ResponseError('SYSTEM_ERROR', 'The checkpoint is null: timerWheelEnable is false')
  return { body: checkpoint }
}
