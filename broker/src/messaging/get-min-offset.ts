import type { Handler } from '../handler.ts'

/** GET_MIN_OFFSET: the oldest offset of one queue that is still stored. */
export const getMinOffset: Handler<'getMinOffset'> = ({ topic, queueId }, { store }) => ({
  offset: store.minOffset(topic, queueId),
})
