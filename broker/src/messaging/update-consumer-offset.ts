import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/**
 * UPDATE_CONSUMER_OFFSET: the group has consumed one queue up to commitOffset (ConsumerManageProcessor.java). Unlike a pull
 * or a heartbeat a commit makes no group: SUBSCRIPTION_GROUP_NOT_EXIST, also where groups are made by themselves.
 */
export const updateConsumerOffset: Handler<'updateConsumerOffset'> = (header, { topics, groups, offsets }) => {
  const { consumerGroup, topic, queueId, commitOffset } = header
  if (!groups.get(consumerGroup))
    throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `Group ${consumerGroup} not exist!`)
  if (!topics.get(topic)) throw new ResponseError('TOPIC_NOT_EXIST', `Topic ${topic} not exist!`)
  if (queueId < 0) throw new ResponseError('INVALID_PARAMETER', `queueId ${queueId} is negative`)
  if (commitOffset < 0) throw new ResponseError('INVALID_PARAMETER', `commitOffset ${commitOffset} is negative`)
  const taken = offsets.commit(consumerGroup, topic, queueId, commitOffset)
  return taken ? {} : { remark: 'Offset has been previously reset' }
}
