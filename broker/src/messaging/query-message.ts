import type { Handler } from '../handler.ts'

/** The answer may not outgrow what a client accepts as one frame (DefaultMessageStore.java#queryMessage). */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
/** maxMsgsNumBatch of MessageStoreConfig.java. */
const MAX_MESSAGES = 64

/**
 * QUERY_MESSAGE: messages of a topic by key, or by unique key when the request says _UNIQUE_KEY_QUERY. Clients drop
 * what only shares the key's hash, so the records are sent as the index found them.
 */
export const queryMessage: Handler<'queryMessage'> = async (header, { store, config, ext }) => {
  const { topic, key, beginTimestamp, endTimestamp } = header
  const byUniqKey = ext._UNIQUE_KEY_QUERY === 'true'
  const maxNum = byUniqKey ? config.defaultQueryMaxNum : Math.min(Math.max(header.maxNum, 0), MAX_MESSAGES)
  const found = await store.queryIndex(topic, key, maxNum, Number(beginTimestamp), Number(endTimestamp))
  const records: Uint8Array[] = []
  let sizeBytes = 0
  for (const physicalOffset of found.physicalOffsets) {
    const record = await store.readRecord(physicalOffset)
    if (!record) continue
    if (records.length > 0 && sizeBytes + record.length > MAX_ANSWER_BYTES) break
    records.push(record)
    sizeBytes += record.length
  }
  const indexLastUpdate = {
    indexLastUpdateTimestamp: found.indexLastUpdateTimestamp,
    indexLastUpdatePhyoffset: found.indexLastUpdatePhysicalOffset,
  }
  if (records.length === 0)
    return {
      status: 'QUERY_NOT_FOUND',
      remark: 'can not find message, maybe time range not correct',
      ...indexLastUpdate,
    }
  return { ...indexLastUpdate, body: records }
}
