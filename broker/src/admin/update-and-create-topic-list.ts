import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { checkedTopic } from './update-and-create-topic.ts'

/**
 * UPDATE_AND_CREATE_TOPIC_LIST: as UPDATE_AND_CREATE_TOPIC for several topics, all of them or, on any error, none. Their
 * attributes are changes too: names with `+` or `-` in front.
 */
export const updateAndCreateTopicList: Handler<'updateAndCreateTopicList'> = async (_header, context) => {
  const { body, topics } = context
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the request has no topicConfigList as its body')
  const configs = body.topicConfigList.map(config =>
    checkedTopic(
      {
        ...config,
        topic: config.topicName ?? '',
        attributes: [...config.attributes].map(([name, value]) => (value ? `${name}=${value}` : name)).join(','),
      },
      context,
    ),
  )
  if (configs.length > 0) await topics.putAll(configs)
  return {}
}
