import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** UPDATE_CONSUMER_OFFSET: the group has consumed one queue up to commitOffset. */
export const updateConsumerOffset: Handler<'updateConsumerOffset'> = async (header, { topics, groups, offsets }) => {
  const { consumerGroup, topic, queueId, commitOffset } = header
  if (!(await groups.find(consumerGroup)))
    throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `Group ${consumerGroup} not exist!`)
  if (!topics.get(topic)) throw new ResponseError('TOPIC_NOT_EXIST', `Topic ${topic} not exist!`)
  if (queueId < 0) throw new ResponseError('INVALID_PARAMETER', `queueId ${queueId} is negative`)
  if (commitOffset < 0) throw new ResponseError('INVALID_PARAMETER', `commitOffset ${commitOffset} is negative`)
  const taken = offsets.commit(consumerGroup, topic, queueId, commitOffset)
  return taken ? {} : { remark: 'Offset has been previously reset' }
}
