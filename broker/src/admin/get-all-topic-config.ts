import { printVersion } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { withoutMappings } from '../metadata/topics.ts'

/** GET_ALL_TOPIC_CONFIG: the whole table, or a page of it by name (AdminBrokerProcessor.java#getAllTopicConfig). */
export const getAllTopicConfig: Handler<'getAllTopicConfig'> = (header, { topics }) => {
  if (header.unlessVersion === printVersion(topics.dataVersion)) return { sameVersion: true }
  const whole = topics.snapshot()
  const totalTopicNum = topics.count
  if (header.topicSeq === undefined || header.maxTopicNum === undefined)
    return { totalTopicNum, body: withoutMappings(whole) }
  const names = [...whole.topicConfigTable.keys()].sort()
  const page = names.slice(header.topicSeq, header.topicSeq + Math.max(1, header.maxTopicNum))
  return { totalTopicNum, body: withoutMappings(topics.snapshot(page)) }
}
