import { RETRY_PREFIX, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'

/** SET_MESSAGE_REQUEST_MODE: lets a group pull or pop a topic from its next rebalance on (mqadmin setConsumeMode). */
export const setMessageRequestMode: Handler<'setMessageRequestMode'> = async (_header, context) => {
  const { topics, groups, requestModes } = context
  const { topic, consumerGroup } = context.body
  if (topic.startsWith(RETRY_PREFIX)) throw new ResponseError('NO_PERMISSION', 'retry topic is not allowed to set mode')
  if (!topics.get(topic)) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  if (!(await groups.find(consumerGroup)))
    throw new ResponseError('SUBSCRIPTION_GROUP_NOT_EXIST', `subscription group [${consumerGroup}] does not exist`)
  try {
    await requestModes.set(context.body)
  } catch (error) {
    throw new ResponseError(
      'SYSTEM_ERROR',
      `the mode of ${consumerGroup} cannot be stored: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
  return {}
}
