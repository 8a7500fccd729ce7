import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** CLONE_GROUP_OFFSET: a group starts where another one is. */
export const cloneGroupOffset: Handler<'cloneGroupOffset'> = async (header, { offsets, topics }) => {
  const { srcGroup, destGroup, topic } = header
  const wanted = topic ? [topic] : offsets.topicsOf(srcGroup)
  for (const one of wanted) {
    if (!topics.get(one)) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${one}] not exist`)
    offsets.clone(srcGroup, destGroup, one)
  }
  await offsets.flush()
  return {}
}
