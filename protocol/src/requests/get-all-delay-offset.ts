import { delayOffset } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_ALL_DELAY_OFFSET: progress of the delay levels, for a slave. */
export const getAllDelayOffset = request({
  code: 45,
  replyBody: delayOffset,
})
