import type { ReplicatedLog } from './replicated-log.ts'
import type { Replication } from './replication.ts'

/** A master that serves its log to nobody. */
export const unlinked = (haAddress: string, log: Pick<ReplicatedLog, 'maxPhysicalOffset'>): Replication => ({
  haAddress,
  epochs: undefined,
  status: () => ({
    master: true,
    masterCommitLogMaxOffset: log.maxPhysicalOffset,
    inSyncSlaveNums: 0,
    haConnectionInfo: [],
    haClientRuntimeInfo: undefined,
  }),
  stop: async () => {},
})
