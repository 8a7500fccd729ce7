import type { Handler } from '../handler.ts'

/** GET_ALL_DELAY_OFFSET: how far each delay level has been delivered, as slaves copy it. */
export const getAllDelayOffset: Handler<'getAllDelayOffset'> = (_header, { schedule }) => ({
  body: schedule.snapshot(),
})
