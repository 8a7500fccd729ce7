import { items, s, type TypeOf } from './shape.ts'

/** HARuntimeInfo.HAConnectionRuntimeInfo: one slave as its master sees it. */
export const haConnectionRuntimeInfo = s.bean({
  addr: s.string().optional(),
  diff: s.long().default(0),
  inSync: s.bool().default(false),
  slaveAckOffset: s.long().default(0),
  transferFromWhere: s.long().default(0),
  transferredByteInSecond: s.long().default(0),
})
export type HAConnectionRuntimeInfo = TypeOf<typeof haConnectionRuntimeInfo>

/** HARuntimeInfo.HAClientRuntimeInfo: a slave's own view. */
export const haClientRuntimeInfo = s.bean({
  lastReadTimestamp: s.long().default(0),
  lastWriteTimestamp: s.long().default(0),
  masterAddr: s.string().optional(),
  masterFlushOffset: s.long().default(0),
  maxOffset: s.long().default(0),
  transferredByteInSecond: s.long().default(0),
})
export type HAClientRuntimeInfo = TypeOf<typeof haClientRuntimeInfo>

/** HARuntimeInfo.java */
export const haRuntimeInfo = s.bean({
  haClientRuntimeInfo: haClientRuntimeInfo.optional(),
  haConnectionInfo: items(haConnectionRuntimeInfo),
  inSyncSlaveNums: s.int().default(0),
  master: s.bool().default(false),
  masterCommitLogMaxOffset: s.long().default(0),
})
export type HARuntimeInfo = TypeOf<typeof haRuntimeInfo>
