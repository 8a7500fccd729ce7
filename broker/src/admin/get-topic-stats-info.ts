import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_TOPIC_STATS_INFO: each queue's offsets and when it last got a message; what `mqadmin topicStatus` shows. */
export const getTopicStatsInfo: Handler<'getTopicStatsInfo'> = async ({ topic }, context) => {
  const { topics, store, config, recentStats } = context
  const known = topics.get(topic)
  if (!known) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  const offsetTable = new Map()
  for (let queueId = 0; queueId < Math.max(known.writeQueueNums, known.readQueueNums); queueId++) {
    const minOffset = store.minOffset(topic, queueId)
    const maxOffset = store.maxOffset(topic, queueId)
    const lastUpdateTimestamp = maxOffset > minOffset ? await store.storeTimestampAt(topic, queueId, maxOffset - 1) : 0
    offsetTable.set({ brokerName: config.brokerName, queueId, topic }, { minOffset, maxOffset, lastUpdateTimestamp })
  }
  return { body: { offsetTable, topicPutTps: recentStats.tps('TOPIC_PUT_NUMS', topic) } }
}
