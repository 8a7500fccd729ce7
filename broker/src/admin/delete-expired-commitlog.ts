import type { Handler } from '../handler.ts'

/** DELETE_EXPIRED_COMMITLOG: retention runs now, whatever the hour. */
export const deleteExpiredCommitlog: Handler<'deleteExpiredCommitlog'> = async (_header, { store }) => {
  await store.deleteExpiredFiles()
  return {}
}
