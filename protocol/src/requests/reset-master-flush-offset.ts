import { f } from '../fields.ts'
import { request } from '../request.ts'

/** RESET_MASTER_FLUSH_OFFSET: tells a slave how far the master's log was flushed (bytes). */
export const resetMasterFlushOffset = request({
  code: 908,
  header: { masterFlushOffset: f.long() },
})
