import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** CLONE_GROUP_OFFSET: a group starts where another one is, in one topic or, without one, in all that still exist. */
export const cloneGroupOffset: Handler<'cloneGroupOffset'> = async (header, { offsets, topics }) => {
  const { srcGroup, destGroup, topic } = header
  if (topic && !topics.get(topic)) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${topic}] not exist`)
  const wanted = topic ? [topic] : offsets.topicsOf(srcGroup).filter(one => topics.get(one))
  for (const one of wanted) offsets.clone(srcGroup, destGroup, one)
  await offsets.flush()
  return {}
}
