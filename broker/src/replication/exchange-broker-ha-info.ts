import type { Handler } from '../handler.ts'

/** EXCHANGE_BROKER_HA_INFO: where the master's log is to be had; a replica asks its master. A replica itself answers with nothing. */
export const exchangeBrokerHaInfo: Handler<'exchangeBrokerHaInfo'> = (
  _header,
  { replication, brokerAddress, config, store },
) =>
  config.brokerRole === 'SLAVE'
    ? {}
    : {
        masterHaAddress: replication.haAddress,
        masterAddress: brokerAddress,
        masterFlushOffset: store.flushedOffset,
      }
