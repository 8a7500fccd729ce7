import type { Handler } from '../handler.ts'

/** GET_MAX_OFFSET: the offset that one queue will give to its next message. */
export const getMaxOffset: Handler<'getMaxOffset'> = ({ topic, queueId }, { store }) => ({
  offset: store.maxOffset(topic, queueId),
})
