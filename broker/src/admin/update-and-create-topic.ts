import { ResponseError, topicProblem } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isSystemTopic, type NamedTopic } from '../metadata/system-topics.ts'
import { applyTopicAttributes } from '../metadata/topic-attributes.ts'
import type { BrokerServices } from '../services.ts'

const MAX_QUEUES = 65_535

/** UPDATE_AND_CREATE_TOPIC: creates a topic or replaces its settings; answered when it is on disk and registered. */
export const updateAndCreateTopic: Handler<'updateAndCreateTopic'> = async (header, context) => {
  await context.topics.put(checkedTopic(header, context))
  return {}
}

/** A topic's settings as an administrator asks for them. */
export interface TopicRequest {
  readonly topic: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
  readonly topicFilterType?: string
  readonly topicSysFlag?: number
  readonly order: boolean
  /** Changes: `+name=value,-name`. */
  readonly attributes?: string
}

/** The settings that the topic gets. Throws INVALID_PARAMETER that names what cannot be. */
export function checkedTopic(asked: TopicRequest, { topics, config }: BrokerServices): NamedTopic {
  const { topic, readQueueNums, writeQueueNums, perm } = asked
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
  const attributes = applyTopicAttributes(known?.attributes, asked.attributes)
  const madeMixed = attributes.get('message.type') === 'MIXED' && known?.attributes.get('message.type') !== 'MIXED'
  if (madeMixed && !config.enableMixedMessageType)
    throw new ResponseError('INVALID_PARAMETER', 'MIXED message type is not supported. (enableMixedMessageType=false)')
  return {
    topicName: topic,
    readQueueNums,
    writeQueueNums,
    perm,
    topicFilterType: asked.topicFilterType === 'MULTI_TAG' ? 'MULTI_TAG' : 'SINGLE_TAG',
    topicSysFlag: asked.topicSysFlag ?? 0,
    order: asked.order,
    attributes,
  }
}
