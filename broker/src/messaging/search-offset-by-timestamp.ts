import type { Handler } from '../handler.ts'

/** SEARCH_OFFSET_BY_TIMESTAMP: the first (LOWER) or last (UPPER) offset of one queue stored at or around a time. */
export const searchOffsetByTimestamp: Handler<'searchOffsetByTimestamp'> = async (header, { store }) => ({
  offset: await store.offsetByTime(header.topic, header.queueId, header.timestamp, header.boundaryType ?? 'LOWER'),
})
