import type { Handler } from '../handler.ts'

/** UPDATE_AND_GET_GROUP_FORBIDDEN: says whether a group may read a topic; with `readable` it is changed first. */
export const updateAndGetGroupForbidden: Handler<'updateAndGetGroupForbidden'> = async (header, { groups }) => {
  const { group, topic, readable } = header
  if (readable !== undefined) await groups.forbidReading(group, topic, !readable)
  return { body: { group, topic, readable: !groups.isReadForbidden(group, topic) } }
}
