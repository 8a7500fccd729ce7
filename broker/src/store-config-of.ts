import type { BrokerConfig } from '@rocketcluster/config'
import { type StoreConfig, storeConfig } from './store/config.ts'
import type { Store } from './store/store.ts'

/** What the store reads at each use, so that a change at run time counts at once. */
const LIVE_KEYS = [
  'maxMessageSize',
  'syncFlushTimeout',
  'slaveTimeout',
  'messageDelayLevel',
  'fileReservedTime',
  'deleteWhen',
  'diskMaxUsedSpaceRatio',
  'diskSpaceCleanForciblyRatio',
  'diskSpaceWarningLevelRatio',
  'cleanFileForciblyEnable',
  'deleteFileBatchMax',
  'maxTransferBytesOnMessageInMemory',
  'maxTransferCountOnMessageInMemory',
  'maxTransferBytesOnMessageInDisk',
  'maxTransferCountOnMessageInDisk',
  'maxFilterMessageSize',
  'accessMessageInMemoryMaxRatio',
] as const satisfies readonly (keyof StoreConfig & keyof BrokerConfig)[]

/** Hands changed keys on to a store that is running. */
export function applyLiveKeys(store: Store, config: BrokerConfig): void {
  store.configure(Object.fromEntries(LIVE_KEYS.map(key => [key, config[key]])))
}

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
    slaveTimeout: config.slaveTimeout,
    maxMessageSize: config.maxMessageSize,
    messageIndexEnable: config.messageIndexEnable,
    maxHashSlotNum: config.maxHashSlotNum,
    maxIndexNum: config.maxIndexNum,
    messageDelayLevel: config.messageDelayLevel,
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
    offsetCheckInSlave: config.offsetCheckInSlave,
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
