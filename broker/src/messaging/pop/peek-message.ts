import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'
import type { GetMessageResult } from '../../store/types.ts'
import { checkPop } from './check-pop.ts'
import { lookOffset } from './pop-positions.ts'
import { retryTopicOf } from './retry-topics.ts'

/** PEEK_MESSAGE: what a pop would find, without taking it (PeekMessageProcessor.java). */
export const peekMessage: Handler<'peekMessage'> = async (header, context) => {
  const { world, store, pops, topics, config, stats, connection } = context
  const { topic } = await checkPop(header, context, connection.remoteAddress, 'peeking')
  if (header.maxMsgNums < 1)
    throw new ResponseError('INVALID_PARAMETER', `maxMsgNums is ${header.maxMsgNums}, at least 1 is needed`)
  await pops.ready()
  const random = world.random.int(100)
  const group = header.consumerGroup
  const results: GetMessageResult[] = []
  let count = 0
  let restNum = 0
  const peek = async (name: string, queueId: number) => {
    let queueOffset = lookOffset(name, group, queueId, context)
    restNum += Math.max(0, store.maxOffset(name, queueId) - queueOffset)
    if (count >= header.maxMsgNums) return
    const get = () => store.getMessage({ topic: name, queueId, queueOffset, maxCount: header.maxMsgNums - count })
    let result = await get()
    if (result.status === 'OFFSET_TOO_SMALL' || result.status === 'OFFSET_OVERFLOW_BADLY') {
      queueOffset = result.nextBeginOffset
      result.release()
      result = await get()
    }
    count += result.messageCount
    results.push(result)
  }
  const peekAll = async (name: string, queues: number) => {
    for (let i = 0; i < queues; i++) await peek(name, (random + i) % queues)
  }
  try {
    const retryTopic = topics.get(retryTopicOf(header.topic, group, config))
    const retryFirst = random % 5 === 0
    if (retryTopic && retryFirst) await peekAll(retryTopic.topicName, retryTopic.readQueueNums)
    if (header.queueId >= 0) await peek(topic.topicName, header.queueId)
    else await peekAll(topic.topicName, topic.readQueueNums)
    if (retryTopic && !retryFirst && count < header.maxMsgNums)
      await peekAll(retryTopic.topicName, retryTopic.readQueueNums)
  } catch (error) {
    for (const result of results) result.release()
    throw error
  }
  for (const result of results) stats.got(header.topic, group, result)
  return {
    status: count > 0 ? 'SUCCESS' : 'PULL_NOT_FOUND',
    remark: count > 0 ? 'FOUND' : 'NO_MESSAGE_IN_QUEUE',
    popTime: 0,
    invisibleTime: 0,
    reviveQid: 0,
    restNum,
    body: results.flatMap(({ records }) => records),
    written: () => {
      for (const result of results) result.release()
    },
  }
}
