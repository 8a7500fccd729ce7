import type { Handler } from '../handler.ts'

/** GET_BROKER_HA_STATUS: the replicas that this master has, or the master that this replica follows. */
export const getBrokerHaStatus: Handler<'getBrokerHaStatus'> = (_header, { replication }) => ({
  body: replication.status(),
})
