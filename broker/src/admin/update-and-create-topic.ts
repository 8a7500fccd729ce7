import { ResponseError, topicProblem } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isSystemTopic } from '../metadata/system-topics.ts'
import { applyTopicAttributes } from '../metadata/topic-attributes.ts'

const MAX_QUEUES = 65_535

/** UPDATE_AND_CREATE_TOPIC: creates a topic or replaces its settings; answered when it is on disk and registered. */
export const updateAndCreateTopic: Handler<'updateAndCreateTopic'> = async (header, { topics, config }) => {
  const { topic, readQueueNums, writeQueueNums, perm } = header
  const problem = topicProblem(topic)
  if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  if (config.validateSystemTopicWhenUpdateTopic && isSystemTopic(topic, topics.options))
    throw new ResponseError('INVALID_PARAMETER', `The topic[${topic}] is conflict with system topic.`)
  for (const [name, count] of [
    ['readQueueNums', readQueueNums],
    ['writeQueueNums', writeQueueNums],
  ] as const) {
    if (count < 0 || count > MAX_QUEUES)
      throw new ResponseError('INVALID_PARAMETER', `${name} ${count} is not from 0 to ${MAX_QUEUES}`)
  }
  if (perm < 0 || perm > 7)
    throw new ResponseError('INVALID_PARAMETER', `perm ${perm} is not a sum of 4 (read), 2 (write) and 1 (inherit)`)
  const known = topics.get(topic)
  await topics.put({
    topicName: topic,
    readQueueNums,
    writeQueueNums,
    perm,
    topicFilterType: header.topicFilterType === 'MULTI_TAG' ? 'MULTI_TAG' : 'SINGLE_TAG',
    topicSysFlag: header.topicSysFlag ?? 0,
    order: header.order,
    attributes: applyTopicAttributes(known?.attributes, header.attributes),
  })
  return {}
}
