import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_TOPIC_CONFIG: the settings of one topic. */
export const getTopicConfig: Handler<'getTopicConfig'> = ({ topic }, { topics }) => {
  const config = topics.get(topic)
  if (!config) throw new ResponseError('TOPIC_NOT_EXIST', `No topic in this broker. topic: ${topic}`)
  return { body: config }
}
