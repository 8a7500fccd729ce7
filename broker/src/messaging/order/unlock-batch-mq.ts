import type { Handler } from '../../handler.ts'
import { checked } from './lock-batch-mq.ts'

/** UNLOCK_BATCH_MQ: a member of a group gives order locks back. Those that are not its own stay with their owner. */
export const unlockBatchMq: Handler<'unlockBatchMq'> = (_header, { body, orderLocks }) => {
  const { consumerGroup, clientId, mqSet } = checked(body)
  orderLocks.unlock(consumerGroup, clientId, mqSet)
  return {}
}
