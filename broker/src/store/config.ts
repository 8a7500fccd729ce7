/**
 * What the store needs to know. Names, units and defaults are those of MessageStoreConfig.java; what has no counterpart
 * there says so. The broker's main builds this from broker.conf.
 */
export interface StoreConfig {
  readonly storePathRootDir: string
  /** Default: `commitlog` in the root. One directory: RocketMQ's comma-separated list of several is refused. */
  readonly storePathCommitLog: string
  readonly mappedFileSizeCommitLog: number
  /** In bytes, a multiple of 20. */
  readonly mappedFileSizeConsumeQueue: number
  readonly flushDiskType: 'ASYNC_FLUSH' | 'SYNC_FLUSH'
  /** Milliseconds between background syncs of the commit log. */
  readonly flushIntervalCommitLog: number
  /** Milliseconds between flushes of the consume queues, the index and the checkpoint. */
  readonly flushIntervalConsumeQueue: number
  /** Milliseconds until a SYNC_FLUSH producer is told FLUSH_DISK_TIMEOUT. */
  readonly syncFlushTimeout: number
  /** Milliseconds until a producer that waits for replicas is told FLUSH_SLAVE_TIMEOUT. */
  readonly slaveTimeout: number
  /** Bytes of a body. */
  readonly maxMessageSize: number
  readonly messageIndexEnable: boolean
  readonly maxHashSlotNum: number
  readonly maxIndexNum: number
  /** Milliseconds of level 1, 2, …. */
  readonly messageDelayLevel: readonly number[]
  /** Hours. */
  readonly fileReservedTime: number
  /** Hours of the local day, 0 to 23. */
  readonly deleteWhen: readonly number[]
  /** Milliseconds between looks at the disk. */
  readonly cleanResourceInterval: number
  readonly diskMaxUsedSpaceRatio: number
  readonly diskSpaceCleanForciblyRatio: number
  readonly diskSpaceWarningLevelRatio: number
  readonly cleanFileForciblyEnable: boolean
  readonly deleteFileBatchMax: number
  readonly maxTransferBytesOnMessageInMemory: number
  readonly maxTransferCountOnMessageInMemory: number
  readonly maxTransferBytesOnMessageInDisk: number
  readonly maxTransferCountOnMessageInDisk: number
  /** Percent of `physicalMemoryBytes` within which a reader counts as reading from memory. */
  readonly accessMessageInMemoryMaxRatio: number
  readonly maxFilterMessageSize: number
  /** Whether a slave corrects offsets of readers; a master always does. */
  readonly offsetCheckInSlave: boolean
  readonly brokerRole: 'ASYNC_MASTER' | 'SYNC_MASTER' | 'SLAVE'

  // Ours:
  /**
   * Address (4 or 16 bytes) and port (4 bytes) as they are written into each record: this broker's own. Not copied: the
   * owner may put in the port once it knows it.
   */
  readonly storeHost: Uint8Array
  /** The machine's (or the container's) memory; what the two ratios above refer to. */
  readonly physicalMemoryBytes: number
  /** Memory for the newest messages, which also is the write buffer. */
  readonly hotTailBytes: number
  /** The hot tail's unit of reuse. */
  readonly hotTailSlabBytes: number
  /** Memory for blocks of older messages that readers of a backlog share. */
  readonly coldReadCacheBytes: number
  readonly coldReadBlockBytes: number
  /** Reads of older messages under way at once. The thread pool's other threads stay free for writes and syncs. */
  readonly maxConcurrentColdReads: number
  /** Open files of old commit-log and consume-queue files, each. */
  readonly maxOpenFiles: number
}

const GIB = 2 ** 30

/** Fills in the defaults. Throws RangeError naming the key, its value and what is allowed. */
export function storeConfig(given: Partial<StoreConfig> & { storePathRootDir: string }): StoreConfig {
  const config: StoreConfig = {
    storePathCommitLog: `${given.storePathRootDir}/commitlog`,
    mappedFileSizeCommitLog: GIB,
    mappedFileSizeConsumeQueue: 6_000_000,
    flushDiskType: 'ASYNC_FLUSH',
    flushIntervalCommitLog: 500,
    flushIntervalConsumeQueue: 1000,
    syncFlushTimeout: 5000,
    slaveTimeout: 3000,
    maxMessageSize: 4 * 1024 * 1024,
    messageIndexEnable: true,
    maxHashSlotNum: 5_000_000,
    maxIndexNum: 20_000_000,
    messageDelayLevel: [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200].map(
      seconds => seconds * 1000,
    ),
    fileReservedTime: 48,
    deleteWhen: [4],
    cleanResourceInterval: 10_000,
    diskMaxUsedSpaceRatio: 75,
    diskSpaceCleanForciblyRatio: 85,
    diskSpaceWarningLevelRatio: 90,
    cleanFileForciblyEnable: true,
    deleteFileBatchMax: 10,
    maxTransferBytesOnMessageInMemory: 256 * 1024,
    maxTransferCountOnMessageInMemory: 32,
    maxTransferBytesOnMessageInDisk: 64 * 1024,
    maxTransferCountOnMessageInDisk: 8,
    accessMessageInMemoryMaxRatio: 40,
    maxFilterMessageSize: 16_000,
    offsetCheckInSlave: false,
    brokerRole: 'ASYNC_MASTER',
    storeHost: new Uint8Array([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]),
    physicalMemoryBytes: 8 * GIB,
    hotTailBytes: 32 * 1024 * 1024,
    hotTailSlabBytes: 4 * 1024 * 1024,
    coldReadCacheBytes: 16 * 1024 * 1024,
    coldReadBlockBytes: 512 * 1024,
    maxConcurrentColdReads: 2,
    maxOpenFiles: 64,
    ...given,
  }
  check(config)
  return config
}

type NumberKey = { [K in keyof StoreConfig]: StoreConfig[K] extends number ? K : never }[keyof StoreConfig]

/** Least and greatest value of each number. */
const RANGES: Readonly<Record<NumberKey, readonly [number, number]>> = {
  mappedFileSizeCommitLog: [1024, 2 ** 31 - 1],
  mappedFileSizeConsumeQueue: [20, 2 ** 31 - 1],
  flushIntervalCommitLog: [1, 3_600_000],
  flushIntervalConsumeQueue: [1, 3_600_000],
  syncFlushTimeout: [1, 3_600_000],
  slaveTimeout: [1, 3_600_000],
  maxMessageSize: [0, 2 ** 31 - 1 - 128 * 1024],
  maxHashSlotNum: [1, 100_000_000],
  maxIndexNum: [2, 100_000_000],
  fileReservedTime: [0, 1_000_000],
  cleanResourceInterval: [10, 3_600_000],
  diskMaxUsedSpaceRatio: [10, 95],
  diskSpaceCleanForciblyRatio: [10, 100],
  diskSpaceWarningLevelRatio: [10, 100],
  deleteFileBatchMax: [1, 1_000_000],
  maxTransferBytesOnMessageInMemory: [1, 2 ** 31 - 1],
  maxTransferCountOnMessageInMemory: [1, 2 ** 31 - 1],
  maxTransferBytesOnMessageInDisk: [1, 2 ** 31 - 1],
  maxTransferCountOnMessageInDisk: [1, 2 ** 31 - 1],
  accessMessageInMemoryMaxRatio: [0, 100],
  maxFilterMessageSize: [20, 2 ** 31 - 1],
  physicalMemoryBytes: [1, Number.MAX_SAFE_INTEGER],
  hotTailBytes: [4096, 2 ** 40],
  hotTailSlabBytes: [1024, 2 ** 31 - 1],
  coldReadCacheBytes: [0, 2 ** 40],
  coldReadBlockBytes: [1024, 2 ** 30],
  maxConcurrentColdReads: [1, 1024],
  maxOpenFiles: [1, 1_000_000],
}

function check(config: StoreConfig): void {
  for (const key of Object.keys(RANGES) as NumberKey[]) {
    const [least, most] = RANGES[key]
    const value = config[key]
    if (!(Number.isInteger(value) && value >= least && value <= most))
      throw new RangeError(`${key} is ${value}; allowed are integers from ${least} to ${most}`)
  }
  if (config.storePathCommitLog.includes(','))
    throw new RangeError(`storePathCommitLog is ${config.storePathCommitLog}; allowed is one directory, not a list`)
  if (config.mappedFileSizeConsumeQueue % 20 !== 0)
    throw new RangeError(
      `mappedFileSizeConsumeQueue is ${config.mappedFileSizeConsumeQueue}; allowed are multiples of 20`,
    )
  if (config.flushDiskType !== 'ASYNC_FLUSH' && config.flushDiskType !== 'SYNC_FLUSH')
    throw new RangeError(`flushDiskType is ${config.flushDiskType}; allowed are ASYNC_FLUSH and SYNC_FLUSH`)
  if (config.storeHost.length !== 8 && config.storeHost.length !== 20)
    throw new RangeError(`storeHost has ${config.storeHost.length} bytes; allowed are 8 (IPv4) and 20 (IPv6)`)
  if (config.hotTailBytes < 2 * config.hotTailSlabBytes)
    throw new RangeError(
      `hotTailBytes is ${config.hotTailBytes}; allowed is no less than twice hotTailSlabBytes (${config.hotTailSlabBytes})`,
    )
  if (!config.deleteWhen.every(hour => Number.isInteger(hour) && hour >= 0 && hour <= 23))
    throw new RangeError(`deleteWhen is ${config.deleteWhen.join(';')}; allowed are hours from 0 to 23`)
  if (!config.messageDelayLevel.every(delay => Number.isSafeInteger(delay) && delay >= 0))
    throw new RangeError(`messageDelayLevel is ${config.messageDelayLevel.join(' ')}; allowed are milliseconds from 0`)
}
