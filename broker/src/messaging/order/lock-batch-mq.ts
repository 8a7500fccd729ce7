import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'

/**
 * LOCK_BATCH_MQ: a member of a group asks for, or renews, the order locks of queues; the answer names exactly those that
 * are its own now (AdminBrokerProcessor.java#lockBatchMQ). Queues that another member holds are missing in it: no error.
 */
export const lockBatchMq: Handler<'lockBatchMq'> = (_header, { body, orderLocks }) => {
  const { consumerGroup, clientId, mqSet } = checked(body)
  return { body: { lockOKMQSet: orderLocks.lock(consumerGroup, clientId, mqSet) } }
}

/** Throws INVALID_PARAMETER that names what is missing: a lock without an owner would be nobody's for a minute. */
export function checked<B extends { consumerGroup: string; clientId: string }>(body: B | undefined): B {
  if (!body)
    throw new ResponseError('INVALID_PARAMETER', 'the request has no consumerGroup, clientId and mqSet as its body')
  for (const name of ['consumerGroup', 'clientId'] as const)
    if (!body[name]) throw new ResponseError('INVALID_PARAMETER', `${name} ${JSON.stringify(body[name])} is empty`)
  return body
}
