import type { ConsumeStats } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { groupProgress, hasLeft } from './group-progress.ts'

/**
 * GET_BROKER_CONSUME_STATS: how far all groups of this broker are behind, topic by topic; with isOrder only in ordered
 * topics (AdminBrokerProcessor.java#fetchAllConsumeStatsInBroker).
 */
export const getBrokerConsumeStats: Handler<'getBrokerConsumeStats'> = async ({ isOrder }, context) => {
  const { groups, topics, offsets, brokerAddress } = context
  const byGroup = new Map<string, ConsumeStats[]>()
  for (const { groupName } of groups.all()) byGroup.set(groupName, [])
  let totalDiff = 0
  let totalInflightDiff = 0
  for (const [topicName, group] of [...offsets.entries()]) {
    const list = byGroup.get(group)
    const topic = topics.get(topicName)
    if (!list || !topic || (isOrder && !topic.order) || hasLeft(context, group, topicName)) continue
    const progress = await groupProgress(context, group, [topic], ({ writeQueueNums }) => writeQueueNums)
    for (const { brokerOffset, consumerOffset, pullOffset } of progress.offsetTable.values()) {
      totalDiff += brokerOffset - consumerOffset
      totalInflightDiff += pullOffset - consumerOffset
    }
    list.push(progress)
  }
  return {
    body: {
      brokerAddr: brokerAddress,
      consumeStatsList: [...byGroup].map(([group, list]) => new Map([[group, list]])),
      totalDiff,
      totalInflightDiff,
    },
  }
}
