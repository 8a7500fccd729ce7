import { RETRY_PREFIX } from '@rocketcluster/protocol'
import type { BrokerServices } from '../../services.ts'
import type { PopQueue } from './pop-queue.ts'

/** ConsumeInitMode.java: where a group begins in a queue that is new to it. */
export const INIT_MIN = 0
export const INIT_MAX = 1

/**
 * Where the group's next pop of a queue begins: behind its last one. A queue that is new to the group begins at the oldest
 * message, or with INIT_MAX at the newest, unless all there is is still in memory (PopMessageProcessor.java#getInitOffset).
 */
export function popOffset(queue: PopQueue, initMode: number, services: BrokerServices): number {
  const { offsets } = services
  const committed = offsets.query(queue.group, queue.topic, queue.queueId)
  if (committed !== undefined) return Math.max(committed, queue.latestOffset ?? 0)
  const first = firstOffset(queue, initMode, services)
  offsets.commit(queue.group, queue.topic, queue.queueId, first)
  queue.isNew = true
  return first
}

function firstOffset({ topic, queueId }: PopQueue, initMode: number, { store, config }: BrokerServices): number {
  const min = store.minOffset(topic, queueId)
  if (initMode !== INIT_MAX || topic.startsWith(RETRY_PREFIX)) return min
  if (config.initPopOffsetByCheckMsgInMem && min <= 0 && store.isInMemory(topic, queueId, 0)) return 0
  return Math.max(0, store.maxOffset(topic, queueId) - 1)
}

/** As `popOffset`, for those who only look: nothing is committed. */
export function lookOffset(topic: string, group: string, queueId: number, services: BrokerServices): number {
  const { offsets, store, pops } = services
  const committed = offsets.query(group, topic, queueId) ?? store.minOffset(topic, queueId)
  return Math.max(committed, pops.ledger.queues.get(`${topic}@${group}@${queueId}`)?.latestOffset ?? 0)
}
