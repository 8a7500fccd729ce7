import { f } from '../fields.ts'
import { request } from '../request.ts'
import { checkRocksdbCqWriteResult } from './common/check-rocksdb-cq-write-result.ts'

/** CHECK_ROCKSDB_CQ_WRITE_PROGRESS: compares consume queues in files and in RocksDB from `checkStoreTime` (ms) on. */
export const checkRocksdbCqWriteProgress = request({
  code: 354,
  header: { topic: f.string(), checkStoreTime: f.long().default(0) },
  replyBody: checkRocksdbCqWriteResult,
})
