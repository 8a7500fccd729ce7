import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'
import { checkQueue, handleOf, pick } from './ack-message.ts'
import { ORDER_REVIVE_QUEUE } from './extra-info.ts'
import { checkInvisibleTime } from './pop-message.ts'

/**
 * CHANGE_MESSAGE_INVISIBLETIME: a popped message stays invisible for `invisibleTime` from now on, under a new handle that the
 * answer's fields make. For a handle that does not hold any more nothing changes, with the same answer: Apache would make the
 * message come back once more, after it was consumed or had come back already.
 */
export const changeMessageInvisibletime: Handler<'changeMessageInvisibletime'> = async (header, context) => {
  const { store, pops, offsets, world, connection } = context
  const { topic, queueId, offset, consumerGroup: group, invisibleTime } = header
  checkQueue(topic, queueId, context.topics.get(topic), connection.remoteAddress)
  if (offset < store.minOffset(topic, queueId) || offset >= store.maxOffset(topic, queueId))
    throw new ResponseError(
      'NO_MESSAGE',
      `offset ${offset} is not in queue ${queueId} of ${topic}: it has ${store.minOffset(topic, queueId)} to ${store.maxOffset(topic, queueId) - 1}`,
    )
  checkInvisibleTime(invisibleTime)
  const handle = handleOf(header.extraInfo)
  const reviveQid = handle.reviveQueueId
  await pops.ready()
  const now = world.clock.now()
  if (reviveQid === ORDER_REVIVE_QUEUE) {
    const committed = offsets.query(group, topic, queueId)
    if (committed !== undefined && offset < committed) return { popTime: 0, invisibleTime: 0, reviveQid: 0 }
    pops.orders.changeVisibleTime(topic, group, queueId, offset, handle.popTime, now + invisibleTime)
    return { popTime: handle.popTime, invisibleTime: now + invisibleTime - handle.popTime, reviveQid }
  }
  const acks = { topic, group, queueId, ...pick(handle), queueOffsets: [offset] }
  const changed = await pops.ledger.changeInvisibleTime(acks, invisibleTime)
  return { ...(changed ?? { popTime: now, invisibleTime }), reviveQid }
}
