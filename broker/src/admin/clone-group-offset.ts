import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { hasLeft } from './group-progress.ts'

/**
 * CLONE_GROUP_OFFSET: a group starts where another one is, in one topic or, without one, in all that still exist. Topics
 * that the members of the source have left count only when isOffline says so (AdminBrokerProcessor.java#cloneGroupOffset).
 */
export const cloneGroupOffset: Handler<'cloneGroupOffset'> = async (header, context) => {
  const { offsets, topics } = context
  const { srcGroup, destGroup, topic, offline } = header
  if (topic && !topics.get(topic)) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  const wanted = topic ? [topic] : offsets.topicsOf(srcGroup).filter(one => topics.get(one))
  for (const one of wanted) if (offline || !hasLeft(context, srcGroup, one)) offsets.clone(srcGroup, destGroup, one)
  await offsets.flush()
  return {}
}
