import { ResponseError } from '@rocketcluster/protocol'
import type { NamedGroup } from '../../metadata/subscription-groups.ts'
import { type NamedTopic, PERM_READ } from '../../metadata/system-topics.ts'
import type { BrokerServices } from '../../services.ts'

export interface PopTarget {
  readonly topic: string
  readonly consumerGroup: string
  readonly queueId: number
}

/**
 * What POP, PEEK, NOTIFICATION and POLLING_INFO check alike, in Apache's order (PopMessageProcessor.java). `doing` is its word
 * in the remark. Rejects with the ResponseError to answer.
 */
export async function checkPop(
  { topic: name, consumerGroup, queueId }: PopTarget,
  { config, topics, groups }: BrokerServices,
  remoteAddress: string,
  doing: 'pop' | 'peeking',
): Promise<{ topic: NamedTopic; group: NamedGroup }> {
  if ((config.brokerPermission & PERM_READ) === 0)
    throw new ResponseError('NO_PERMISSION', `the broker[${config.brokerIP1}] ${doing} message is forbidden`)
  const topic = topics.get(name)
  if (!topic) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${name}] not exist, apply first please!`)
  if ((topic.perm & PERM_READ) === 0)
    throw new ResponseError('NO_PERMISSION', `the topic[${name}] peeking message is forbidden`)
  if (queueId >= topic.readQueueNums)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `queueId[${queueId}] is illegal, topic:[${name}] topicConfig.readQueueNums:[${topic.readQueueNums}] consumer:[${remoteAddress}]`,
    )
  const group = await groups.find(consumerGroup)
  if (!group)
    throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `subscription group [${consumerGroup}] does not exist`)
  if (!group.consumeEnable)
    throw new ResponseError('NO_PERMISSION', `subscription group no permission, ${consumerGroup}`)
  if (groups.isReadForbidden(consumerGroup, name))
    throw new ResponseError(
      'NO_PERMISSION',
      `the consumer's group[${consumerGroup}] is forbidden to read topic[${name}]`,
    )
  return { topic, group }
}
