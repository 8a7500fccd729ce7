import type { BrokerConfig } from '@rocketcluster/config'
import { type StoreConfig, storeConfig } from './store/config.ts'

/** The store's part of broker.conf. Throws RangeError naming the key, its value and what is allowed. */
export function storeConfigOf(config: BrokerConfig, storeHost: Uint8Array, physicalMemoryBytes: number): StoreConfig {
  return storeConfig({
    storePathRootDir: config.storePathRootDir,
    ...(config.storePathCommitLog ? { storePathCommitLog: config.storePathCommitLog } : {}),
    mappedFileSizeCommitLog: config.mappedFileSizeCommitLog,
    mappedFileSizeConsumeQueue: config.mappedFileSizeConsumeQueue,
    flushDiskType: config.flushDiskType,
    flushIntervalCommitLog: config.flushIntervalCommitLog,
    syncFlushTimeout: config.syncFlushTimeout,
    maxMessageSize: config.maxMessageSize,
    messageIndexEnable: config.messageIndexEnable,
    maxHashSlotNum: config.maxHashSlotNum,
    maxIndexNum: config.maxIndexNum,
    fileReservedTime: config.fileReservedTime,
    deleteWhen: config.deleteWhen,
    diskMaxUsedSpaceRatio: config.diskMaxUsedSpaceRatio,
    diskSpaceCleanForciblyRatio: config.diskSpaceCleanForciblyRatio,
    diskSpaceWarningLevelRatio: config.diskSpaceWarningLevelRatio,
    cleanFileForciblyEnable: config.cleanFileForciblyEnable,
    maxTransferBytesOnMessageInMemory: config.maxTransferBytesOnMessageInMemory,
    maxTransferCountOnMessageInMemory: config.maxTransferCountOnMessageInMemory,
    maxTransferBytesOnMessageInDisk: config.maxTransferBytesOnMessageInDisk,
    maxTransferCountOnMessageInDisk: config.maxTransferCountOnMessageInDisk,
    accessMessageInMemoryMaxRatio: config.accessMessageInMemoryMaxRatio,
    maxFilterMessageSize: config.maxFilterMessageSize,
    brokerRole: config.brokerRole,
    hotTailBytes: config.storeHotTailBytes,
    coldReadCacheBytes: config.storeColdCacheBytes,
    maxConcurrentColdReads: config.storeColdReads,
    maxOpenFiles: config.storeMaxOpenFiles,
    flushIntervalConsumeQueue: config.flushIntervalConsumeQueue,
    cleanResourceInterval: config.cleanResourceInterval,
    deleteFileBatchMax: config.deleteFileBatchMax,
    storeHost,
    physicalMemoryBytes,
  })
}
