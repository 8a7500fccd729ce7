import { request } from '../request.ts'

/** POP_ROLLBACK: moves pop records kept in RocksDB back to the file store. */
export const popRollback = request({
  code: 200056,
})
