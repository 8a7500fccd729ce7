import * as because from './reasons.ts'

/**
 * Keys that Apache RocketMQ has and we do not: a file that a user brings along may carry them, and they change nothing.
 * The names are the setters of the configuration classes of 5.5.0, and older spellings that 4.x files still use.
 */
function reasons(groups: readonly (readonly [reason: string, keys: string])[]): ReadonlyMap<string, string> {
  return new Map(groups.flatMap(([reason, keys]) => keys.split(/\s+/).map(key => [key, reason] as const)))
}

/** Of broker.conf. */
export const ignoredBrokerKeys: ReadonlyMap<string, string> = reasons([
  [
    because.ACCESS,
    `aclCacheExpiredSecond aclCacheMaxNum aclCacheRefreshSecond authConfigPath authenticationMetadataProvider
     authenticationProvider authenticationStrategy authenticationWhitelist authorizationMetadataProvider
     authorizationProvider authorizationStrategy authorizationWhitelist
     initAuthenticationUser innerClientAuthenticationCredentials migrateAuthFromV1Enabled
     statefulAuthenticationCacheExpiredSecond statefulAuthenticationCacheMaxNum
     statefulAuthorizationCacheExpiredSecond statefulAuthorizationCacheMaxNum userCacheExpiredSecond
     userCacheMaxNum userCacheRefreshSecond`,
  ],
  [
    because.CONTROLLER,
    `asyncLearner checkSyncStateSetPeriod fetchControllerAddrByDnsLookup preferredLeaderId
     storePathBrokerIdentity storePathDLedgerCommitLog
     storePathEpochFile syncBrokerMetadataPeriod syncControllerMetadataPeriod`,
  ],
  [because.DISCOVERY, `fetchNamesrvAddrInterval updateNameServerAddrPeriod`],
  [
    because.LITE,
    `enableLiteEventMode enableLitePopLog enableLmqQuota enableLmqStats liteEventCheckInterval
     liteEventFullDispatchDelayTime liteEventFullDispatchDelayTimeForWildcardGroup
     liteLagLatencyCollectEnable liteLagLatencyTopK litePullMessageEnable liteSubscriptionCheckInterval
     liteSubscriptionCheckTimeoutMills liteTtlCheckInterval maxLiteSubscriptionCount maxLmqConsumeQueueNum
     minLiteTTl`,
  ],
  [
    because.NO_JVM,
    `channelNotActiveInterval clientAsyncSemaphoreValue clientChannelMaxIdleTimeSeconds
     clientCloseSocketIfTimeout clientOnewaySemaphoreValue clientSocketRcvBufSize clientSocketSndBufSize
     disableNettyWorkerGroup enableFastChannelEventProcess highSpeedMode isolateLogEnable
     loadBalancePollNameServerInterval maxClientEventCount printChannelGroups printChannelGroupsMinNum
     rmqAddressServerDomain rmqAddressServerSubGroup rocketmqHome serverAsyncSemaphoreValue
     serverNettyWorkerGroupEnable serverOnewaySemaphoreValue serverSocketRcvBufSize serverSocketSndBufSize
     useTLS writeBufferLowWaterMark`,
  ],
  [
    because.NO_MMAP,
    `cleanSwapedMapInterval clientPooledByteBufAllocatorEnable commitCommitLogLeastPages
     commitCommitLogThoroughInterval commitIntervalCommitLog commitLogForceSwapMapInterval
     commitLogSwapMapInterval commitLogSwapMapReserveFileNum debugLockEnable destroyMapedFileIntervalForcibly dispatchCqCacheNum
     dispatchFromSenderThread enableAsyncReput fastFailIfNoBufferInStorePool flushCommitLogLeastPages
     flushCommitLogThoroughInterval flushConsumeQueueLeastPages flushConsumeQueueThoroughInterval
     flushLeastPagesWhenWarmMapedFile logicQueueForceSwapMapInterval
     logicQueueSwapMapInterval logicQueueSwapMapReserveFileNum mapedFileSizeConsumeQueueExt
     mappedFileSizeConsumeQueueExt mappedFileSwapEnable putConsumeQueueDataByFileChannel
     recheckReputOffsetFromCq serverPooledByteBufAllocatorEnable skipWhenCKRePutReachMaxTimes
     spinLockCollisionRetreatOptimalDegree topicQueueLockNum useABSLock useReentrantLockWhenPutMessage
     warmMapedFileEnable writeWithoutMmap`,
  ],
  [
    because.NO_QUEUES,
    `ackThreadPoolQueueCapacity adminBrokerThreadPoolQueueCapacity clientManagerThreadPoolQueueCapacity
     consumerManagerThreadPoolQueueCapacity endTransactionPoolQueueCapacity heartbeatThreadPoolQueueCapacity
     litePullThreadPoolQueueCapacity loadBalanceThreadPoolQueueCapacity pullThreadPoolQueueCapacity
     putThreadPoolQueueCapacity queryThreadPoolQueueCapacity replyThreadPoolQueueCapacity
     sendThreadPoolQueueCapacity timerReputServiceQueueCapacity`,
  ],
  [
    because.ONE_LOOP,
    `ackMessageThreadPoolNums adminBrokerThreadPoolNums batchDispatchRequestThreadPoolNums
     clientCallbackExecutorThreads clientManageThreadPoolNums clientWorkerThreads compactionThreadNum
     consumerManageThreadPoolNums dispatchCqThreads endTransactionThreadPoolNums heartbeatThreadPoolNums
     litePullMessageThreadPoolNums loadBalanceProcessorThreadPoolNums processReplyMessageThreadPoolNums
     putMessageFutureThreadPoolNums queryMessageThreadPoolNums recoverThreadPoolNums
     serverCallbackExecutorThreads timerGetMessageThreadNum timerPutMessageThreadNum`,
  ],
  [
    because.OTHER,
    `commercialTimerCount timerColdDataCheckIntervalMs
     timerEnableCheckMetrics timerEnableRetryUntilSuccess timerInterceptDelayLevel timerMetricSmallThreshold
     timerProgressLogIntervalMs timerRecallToTimeWheelEnable timerRecallToTimelineEnable
     timerReputServiceCorePoolSize timerReputServiceMaxPoolSize timerSkipUnknownError timerWheelSnapshotFlush
     timerWheelSnapshotIntervalMs accessMessageInMemoryHotRatio accountStatsEnable accountStatsPrintZeroValues appendAckAsync
     appendCkAsync asyncSendEnable autoDeleteUnusedStats autoMessageVersionOnTopicLen
     broadcastOffsetExpireMaxSecond broadcastOffsetExpireSecond brokerFallbehindThreshold cgColdReadThreshold
     checkCommitLogOffsetOnRecover cleanOfflineBrokerInterval clearRetryTopicWhenDeleteTopic clusterName
     coldCtrStrategyEnable coldDataScanEnable combineAssignOffsetCQType commercialBaseCount
     commercialBigCount commercialEnable commercialSizePerMsg commercialTransCount commitLogRecoverMaxNum
     compatibleWithOldNameSrv configName connectTimeoutMillis consumerFallbehindThreshold
     consumerOffsetUpdateVersionStep delayOffsetUpdateVersionStep enableScheduleMessageStats
     scheduleAsyncDeliverMaxPendingLimit scheduleAsyncDeliverMaxResendNum2Blocked correctLogicMinOffsetForceInterval correctLogicMinOffsetSleepInterval
     defaultTopicEnable deleteCommitLogFilesInterval deleteConsumeQueueFilesInterval disableCallbackExecutor
     disableConsumeIfConsumerReadSlowly disappearTimeAfterStart diskFallRecorded enableAcceleratedRecovery
     enableBroadcastOffsetStore enableBuildConsumeQueueConcurrently enableCleanExpiredOffset
     enableDetailStat enableLogConsumeQueueRepeatedlyBuildWhenRecover enableNetWorkFlowControl
     enableReconnectForGoAway enableRegisterProducer enableRunningFlagsInFlush enableSingleTopicRegister
     enableSkipLongAwaitingAck estimateAccumulation flushConsumerOffsetHistoryInterval
     globalColdReadThreshold haMaster inBrokerContainer indexFileReadEnable
     indexFileWriteEnable logicalDiskSpaceCleanForciblyThreshold mapperFileSizeBatchConsumeQueue
     maxAsyncPutMessageRequests maxBatchDeleteFilesNum maxChecksumRange maxConsumeQueueScan
     maxHaTransferByteInSecond maxMsgsNumBatch maxReconnectIntervalTimeSeconds
     maxRecoveryCommitlogFiles maxStatsIdleTimeInMinutes maxTopicLength messageStorePlugIn namesrvDomain
     namesrvDomainSubgroup persistConsumerOffsetIncrementally priorityOrderAsc pullBatchMaxMessageCount
     putMessageTimeout putMsgIndexHightWater readOnlyCommitLogStorePaths readUnCommitted recoverConcurrently
     redeleteHangedFileInterval sampleCountThreshold sampleSteps scanAvailableNameSrv searchBcqByCacheEnable
     sendHeartbeatTimeoutMillis sharedByteBufferNum socksProxyConfig splitMetadataSize
     subscriptionExpiredTimeout syncBrokerMemberGroupPeriod
     travelCqFileNumWhenGetMessage usePIDColdCtrStrategy useSeparateRetryQueue useStaticSubscription
     wakeCommitWhenPutMessage wakeFlushWhenPutMessage`,
  ],
  [
    because.OTLP,
    `enableConnectionMetrics enableLagAndDlqMetrics enableMessageStoreMetrics enablePopMetrics
     enableRemotingMetrics enableRequestMetrics enableStatsMetrics enableTransactionMetrics
     liteLagCountMetricsEnable liteLagLatencyMetricsEnable metricGrpcExporterIntervalInMills
     metricGrpcExporterTimeOutInMills metricLoggingExporterIntervalInMills metricsExportBatchMaxDataPoints
     metricsGrpcExporterHeader metricsGrpcExporterTarget metricsInDelta metricsOtelCardinalityLimit
     transactionMetricFlushInterval`,
  ],
  [
    because.POP,
    `enableNotifyAfterPopOrderLockRelease enableNotifyBeforePopCalculateLag enablePopBatchAck enablePopLog
     popCkOffsetMaxQueueSize popConsumerFSServiceInit popConsumerKVServiceEnable popConsumerKVServiceInit
     popConsumerKVServiceLog popFromRetryProbabilityForPriority popPollingMapExpireTimeSeconds popPollingMapSize
     popReviveConcurrency popReviveMaxAttemptTimes popReviveMaxReturnSizePerRead popReviveSkipIfGroupAbsent
     reviveAckWaitMs reviveInterval reviveMaxSlow reviveScanTime`,
  ],
  [
    because.REPLICATION,
    `duplicationEnable enableBatchPush forwardTimeout haFlowControlEnable
     haSlaveFallbehindMax isEnableBatchPush maxSlaveResendLength replicasPerDiskPartition
     syncFromLastFile syncMasterFlushOffsetWhenStartup`,
  ],
  [
    because.ROCKSDB,
    `bottomMostCompressionTypeForConsumeQueueStore cleanRocksDBDirtyCQIntervalMin combineCQEnableCheckSelf
     combineCQLoadingCQTypes combineCQMaxExtraSearchCommitLogFiles combineCQPreferCQType
     combineCQUseRocksdbForLmq enableRocksDBLog indexRocksDBEnable iteratorWhenUseRocksdbConsumeQueue
     maxRocksDBIndexQueryDays memTableFlushIntervalMs realTimePersistRocksDBConfig rocksdbCQDoubleWriteEnable
     rocksdbCompressionType rocksdbFlushWalFrequency rocksdbWalFileRollingThreshold statRocksDBCQIntervalSec
     timerRocksDBEnable timerRocksDBPrecisionMs timerRocksDBRollIntervalHours timerRocksDBRollMaxTps
     timerRocksDBRollRangeHours timerRocksDBStopScan timerRocksDBTimeExpiredMaxTps transRocksDBEnable transWriteOriginTransHalfEnable
     transactionCheckRocksdbCoreThreads transactionCheckRocksdbMaxThreads
     transactionCheckRocksdbQueueCapacity useSeparateStorePathForRocksdbCQ useSingleRocksDBForAllConfigs`,
  ],
  [
    because.NO_BITMAPS,
    `bitMapLengthConsumeQueueExt filterServerNums
     maxMessageFilterNumForNotification useMessageFilterForNotification`,
  ],
])

/** Of namesrv.conf. */
export const ignoredNamesrvKeys: ReadonlyMap<string, string> = reasons([
  [
    because.OWN_PROCESS,
    `controllerDLegerGroup controllerDLegerPeers controllerDLegerSelfId controllerStorePath controllerType
     electMasterMaxRetryCount enableElectUncleanMaster jraftConfig notifyBrokerRoleChanged processReadEvent
     scanInactiveMasterInterval`,
  ],
  [
    because.NO_JVM,
    `channelNotActiveInterval clientAsyncSemaphoreValue clientChannelMaxIdleTimeSeconds
     clientCloseSocketIfTimeout clientOnewaySemaphoreValue clientSocketRcvBufSize clientSocketSndBufSize
     disableNettyWorkerGroup rocketmqHome serverAsyncSemaphoreValue serverNettyWorkerGroupEnable
     serverOnewaySemaphoreValue serverSocketRcvBufSize serverSocketSndBufSize useTLS writeBufferLowWaterMark`,
  ],
  [because.NO_MMAP, `clientPooledByteBufAllocatorEnable mappedFileSize serverPooledByteBufAllocatorEnable`],
  [because.NO_QUEUES, `controllerRequestThreadPoolQueueCapacity`],
  [
    because.ONE_LOOP,
    `clientCallbackExecutorThreads clientWorkerThreads controllerThreadPoolNums serverCallbackExecutorThreads`,
  ],
  [
    because.OTHER,
    `connectTimeoutMillis disableCallbackExecutor enableReconnectForGoAway maxReconnectIntervalTimeSeconds
     scanAvailableNameSrv socksProxyConfig`,
  ],
  [
    because.OTLP,
    `metricGrpcExporterIntervalInMills metricGrpcExporterTimeOutInMills metricLoggingExporterIntervalInMills
     metricsExporterType metricsGrpcExporterHeader metricsGrpcExporterTarget metricsInDelta metricsLabel`,
  ],
])

/** Of controller.conf. */
export const ignoredControllerKeys: ReadonlyMap<string, string> = reasons([
  [
    'there is no consensus among controllers: the record store decides',
    'controllerType controllerDLegerPeers jraftConfig',
  ],
  ['there is no log of consensus', 'mappedFileSize isProcessReadEvent processReadEvent'],
  [because.ONE_LOOP, 'controllerThreadPoolNums controllerRequestThreadPoolQueueCapacity'],
  ['an election is tried until it is done or not needed', 'electMasterMaxRetryCount'],
  ['scanNotActiveBrokerInterval does both', 'scanInactiveMasterInterval'],
  ['nothing is read from there', 'rocketmqHome'],
  ['metrics are always served for Prometheus', 'metricsExporterType'],
])
