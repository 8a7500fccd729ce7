import type { Handler } from '../handler.ts'

/** GET_EARLIEST_MSG_STORETIME: when the oldest message of one queue was stored, -1 when it holds none. */
export const getEarliestMsgStoretime: Handler<'getEarliestMsgStoretime'> = async ({ topic, queueId }, { store }) => ({
  timestamp: await store.storeTimestampAt(topic, queueId, store.minOffset(topic, queueId)),
})
