import type { Handler } from '../handler.ts'

/** CLEAN_EXPIRED_CONSUMEQUEUE: what consume queues hold of messages that the commit log has no more goes now. */
export const cleanExpiredConsumequeue: Handler<'cleanExpiredConsumequeue'> = async (_header, { store }) => {
  await store.cleanExpiredConsumeQueues()
  return {}
}
