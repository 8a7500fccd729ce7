import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** The last epoch is still open (EpochEntry.java). */
const JAVA_LONG_MAX = 2n ** 63n - 1n

/** GET_BROKER_EPOCH_CACHE: where each epoch begins in this broker's log. */
export const getBrokerEpochCache: Handler<'getBrokerEpochCache'> = (_header, { replication, config, store }) => {
  const { epochs } = replication
  if (!config.enableControllerMode || epochs === undefined)
    throw new ResponseError('SYSTEM_ERROR', 'this request only for controllerMode ')
  return {
    body: {
      brokerId: config.brokerId,
      brokerName: config.brokerName,
      clusterName: config.brokerClusterName,
      epochList: epochs.map(({ epoch, startOffset }, i) => ({
        epoch,
        startOffset,
        endOffset: i + 1 < epochs.length ? BigInt(epochs[i + 1]!.startOffset) : JAVA_LONG_MAX,
      })),
      maxOffset: store.maxPhysicalOffset,
    },
  }
}
