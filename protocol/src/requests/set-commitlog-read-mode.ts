import { f } from '../fields.ts'
import { request } from '../request.ts'

/** SET_COMMITLOG_READ_MODE: how the log is read: 0 normal, 1 random. */
export const setCommitlogReadMode = request({
  code: 2004,
  header: { readAheadMode: f.int().as('READ_AHEAD_MODE') },
})
