import { items, s, type TypeOf } from './shape.ts'

/** EpochEntry.java; the last entry's end is Long.MAX_VALUE. */
export const epochEntry = s.bean({
  endOffset: s.bigint().default(2n ** 63n - 1n),
  epoch: s.int().default(0),
  startOffset: s.long().default(0),
})
export type EpochEntry = TypeOf<typeof epochEntry>

/** EpochEntryCache.java */
export const epochEntryCache = s.bean({
  brokerId: s.long().default(0),
  brokerName: s.string().optional(),
  clusterName: s.string().optional(),
  epochList: items(epochEntry),
  maxOffset: s.long().default(0),
})
export type EpochEntryCache = TypeOf<typeof epochEntryCache>
