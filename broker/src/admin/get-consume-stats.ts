import type { Handler } from '../handler.ts'
import { groupProgress, hasLeft } from './group-progress.ts'

/**
 * GET_CONSUME_STATS: how far a group is behind, queue by queue; what `mqadmin consumerProgress` shows. Topics that its
 * members do not subscribe to are left out, unless topicList names them (AdminBrokerProcessor.java#getConsumeStats).
 */
export const getConsumeStats: Handler<'getConsumeStats'> = async (header, context) => {
  const { topics, offsets } = context
  const { consumerGroup: group } = header
  const listed = (header.topicList ?? '').split(';').filter(topic => topic !== '')
  const wanted =
    listed.length > 0
      ? listed
      : (header.topic ? [header.topic] : offsets.topicsOf(group)).filter(topic => !hasLeft(context, group, topic))
  const known = wanted.map(topic => topics.get(topic)).filter(topic => topic !== undefined)
  return { body: await groupProgress(context, group, known, ({ readQueueNums }) => readQueueNums) }
}
