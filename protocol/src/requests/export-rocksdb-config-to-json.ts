import { f } from '../fields.ts'
import { request } from '../request.ts'

/**
 * EXPORT_ROCKSDB_CONFIG_TO_JSON: writes configuration kept in RocksDB to JSON files. `configType` lists topics,
 * subscriptionGroups, consumerOffsets with semicolons.
 */
export const exportRocksdbConfigToJson = request({
  code: 355,
  header: { configType: f.string() },
})
