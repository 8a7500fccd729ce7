import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** VIEW_MESSAGE_BY_ID: the record at a physical offset, which the client took out of an offsetMsgId. */
export const viewMessageById: Handler<'viewMessageById'> = async ({ offset }, { store }) => {
  const record = await store.readRecord(offset)
  if (!record) throw new ResponseError('SYSTEM_ERROR', `can not find message by offset: ${offset}`)
  return { body: [record] }
}
