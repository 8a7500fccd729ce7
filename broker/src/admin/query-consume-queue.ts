import { type ConsumeQueueData, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { CQ_UNIT_SIZE, unitOffset, unitSize } from '../store/cq-unit.ts'

/** Most entries that one answer carries: about 0.7 MB of JSON, so that nobody waits for its making. */
const MAX_ENTRIES = 10_000

/**
 * QUERY_CONSUME_QUEUE: entries of one consume queue, for who looks into a store from afar. Where `index` lies outside of the
 * queue the answer is SUCCESS with a remark and no entries, as Apache's (AdminBrokerProcessor.java#queryConsumeQueue).
 */
export const queryConsumeQueue: Handler<'queryConsumeQueue'> = async (header, { store, clients }) => {
  const { topic, queueId, index, consumerGroup } = header
  const isThere = [...store.topics()].some(known => known.topic === topic && known.queueIds.includes(queueId))
  if (!isThere) throw new ResponseError('SYSTEM_ERROR', `${queueId}@${topic} is not exist!`)
  const [minQueueIndex, maxQueueIndex] = [store.minOffset(topic, queueId), store.maxOffset(topic, queueId)]
  if (index < minQueueIndex || index >= maxQueueIndex)
    return { remark: `Index ${index} of ${queueId}@${topic} is not exist!` }
  const queueData: ConsumeQueueData[] = []
  const end = Math.min(maxQueueIndex, index + Math.min(Math.max(0, header.count), MAX_ENTRIES))
  for (let at = index; at < end; ) {
    const { buffer, start, count } = await store.entries(topic, queueId, at, end - at)
    if (count === 0) break
    for (let i = 0; i < count; i++) queueData.push(entry(buffer, start + i * CQ_UNIT_SIZE))
    at += count
  }
  const subscriptionData = consumerGroup ? clients.consumerGroup(consumerGroup)?.subscriptions.get(topic) : undefined
  const isAbsent = consumerGroup !== undefined && subscriptionData === undefined
  const filterData = isAbsent ? `${consumerGroup}@${topic} is not online!` : undefined
  return { body: { minQueueIndex, maxQueueIndex, subscriptionData, filterData, queueData } }
}

function entry(bytes: Uint8Array, at: number): ConsumeQueueData {
  const tagsCode = Buffer.from(bytes.buffer, bytes.byteOffset + at + 12, 8).readBigInt64BE()
  return { physicOffset: unitOffset(bytes, at), physicSize: unitSize(bytes, at), tagsCode, eval: false }
}
