import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isCompacted } from '../metadata/topic-attributes.ts'

/**
 * QUERY_CONSUMER_OFFSET: where the group goes on in one queue (ConsumerManageProcessor.java). A group that never
 * committed starts at 0 when the queue still has its first message and is young (a new group on a new topic should
 * miss nothing); else the client decides by its consumeFromWhere, told by QUERY_NOT_FOUND.
 */
export const queryConsumerOffset: Handler<'queryConsumerOffset'> = (header, { store, offsets, topics }) => {
  const { consumerGroup, topic, queueId, setZeroIfNotFound } = header
  const committed = offsets.query(consumerGroup, topic, queueId)
  if (committed !== undefined) return { offset: committed }
  if (setZeroIfNotFound === false)
    throw new ResponseError('QUERY_NOT_FOUND', 'Not found, do not set to zero, maybe this group boot first')
  // Of a compaction topic all that matters is there, however old it is: who is new reads the whole of it.
  const known = topics.get(topic)
  if (known !== undefined && isCompacted(known) && store.maxOffset(topic, queueId) > 0) return { offset: 0 }
  const minOffset = store.minOffset(topic, queueId)
  const isYoung = minOffset <= 0 && store.maxOffset(topic, queueId) > 0 && store.isInMemory(topic, queueId, 0)
  if (isYoung) return { offset: 0 }
  throw new ResponseError('QUERY_NOT_FOUND', 'Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first')
}
