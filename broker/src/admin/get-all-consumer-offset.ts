import type { Handler } from '../handler.ts'

/** GET_ALL_CONSUMER_OFFSET: the offsets of all groups, as slaves copy them. */
export const getAllConsumerOffset: Handler<'getAllConsumerOffset'> = (_header, { offsets }) => ({
  body: offsets.snapshot(),
})
