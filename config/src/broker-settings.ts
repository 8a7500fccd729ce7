import * as because from './reasons.ts'
import { addresses, bool, delays, hours, int, list, long, oneOf, port, text } from './setting.ts'
import { httpSettings, logSettings, serverSettings, tlsSettings } from './shared-settings.ts'

/**
 * The keys of broker.conf: BrokerConfig.java, MessageStoreConfig.java, NettyServerConfig.java and AuthConfig.java of
 * Apache RocketMQ 5.5.0, and a few of our own (`ours`). One line per key; docs/configuration.md is written from here.
 */
export const brokerSettings = {
  // Identity
  brokerClusterName: text({
    default: 'DefaultCluster',
    pattern: /\S/,
    allowed: 'a name',
    about: 'Name of the cluster; its name is also a topic.',
  }),
  brokerName: text({
    // BrokerIdentity.java: where a host has no name.
    default: 'DEFAULT_BROKER',
    defaultText: 'the host name',
    pattern: /\S/,
    allowed: 'a name',
    about: 'Name of the group that this broker belongs to: a master and its slaves share it.',
  }),
  brokerId: long({ default: 0, about: '0 is the master of its group, every other number a slave.' }),
  namesrvAddr: addresses({
    default: [],
    defaultText: 'the environment variable NAMESRV_ADDR',
    about: 'Name servers; the broker registers with every one of them.',
  }),
  fetchNameSrvAddrByDnsLookup: bool({
    default: false,
    inert: 'host names in namesrvAddr are always resolved, again every second, to all their addresses',
    about: 'Resolve a host name to all name servers.',
  }),
  fetchNamesrvAddrByAddressServer: bool({
    default: false,
    inert: because.DISCOVERY,
    about: 'Ask an address server for the name servers.',
  }),
  regionId: text({ default: 'DefaultRegion', about: 'Region that answers carry for message traces.', live: true }),

  // Addresses
  listenPort: port({
    default: 10911,
    about: 'Port for clients; the fast ("VIP") port is two below it. 0 takes any free port and opens no fast port.',
  }),
  bindAddress: text({ default: '0.0.0.0', about: 'Address of the interface to listen on.' }),
  brokerIP1: text({
    default: '',
    defaultText: 'the first address of the machine that is not loopback',
    about: 'Address that clients are told, and that stands in every message stored.',
  }),
  brokerIP2: text({ default: '', defaultText: 'brokerIP1', about: 'Address that slaves are told.' }),
  ...serverSettings,
  ...tlsSettings,

  // Topics, groups, permissions
  brokerPermission: int({ default: 6, min: 0, max: 7, about: 'Sum of 4 (read) and 2 (write).', live: true }),
  autoCreateTopicEnable: bool({
    default: true,
    about: 'A send to a topic that does not exist creates it as TBW102 is configured.',
    live: true,
  }),
  autoCreateSubscriptionGroup: bool({
    default: true,
    about: 'A consumer group that does not exist is created when it first appears.',
    live: true,
  }),
  enableCreateSysGroup: bool({ default: true, inert: because.OTHER, about: 'Create the CID_RMQ_SYS_ groups.' }),
  defaultTopicQueueNums: int({
    default: 8,
    min: 1,
    max: 65_535,
    about: 'Queues of TBW102, the most that an automatically created topic gets.',
  }),
  clusterTopicEnable: bool({ default: true, about: 'Keep a topic named after the cluster.' }),
  brokerTopicEnable: bool({ default: true, about: 'Keep a topic named after the broker.' }),
  validateSystemTopicWhenUpdateTopic: bool({
    default: true,
    about: 'Refuse to change system topics through administration requests.',
    live: true,
  }),
  traceTopicEnable: bool({ default: false, about: 'Keep the topic that msgTraceTopicName names.' }),
  msgTraceTopicName: text({ default: 'RMQ_SYS_TRACE_TOPIC', about: 'Topic of message traces.' }),
  traceOn: bool({ default: true, about: 'Tell clients in answers that traces are wanted.', live: true }),
  enableMixedMessageType: bool({
    default: false,
    about: 'Allow topics with the attribute message.type=MIXED, which take messages of every type.',
    live: true,
  }),
  messageTypeCheckEnable: bool({
    default: false,
    about:
      'Refuse messages that are not of the type that the attribute message.type of their topic names. Apache checks that in its proxy only.',
    live: true,
    ours: true,
  }),
  storeReplyMessageEnable: bool({
    default: true,
    about: 'Also store the replies of request-reply, beside handing them to who asked.',
    live: true,
  }),
  lockInStrictMode: bool({
    default: false,
    inert: because.REPLICATION,
    about: 'Order locks count when a majority of the group has them.',
  }),

  // Sending and pulling
  maxMessageSize: int({
    default: 4 * 1024 * 1024,
    min: 1,
    max: 1024 ** 3,
    unit: 'bytes',
    about: 'Largest body.',
    live: true,
  }),
  slaveReadEnable: bool({
    default: true,
    apache: 'false',
    because: 'Readers that are far behind, or whose master is gone, find a replica instead of waiting.',
    about: 'Suggest a slave to consumers that lag far behind.',
    live: true,
  }),
  longPollingEnable: bool({
    default: true,
    about: 'Hold a pull that finds nothing until a message comes.',
    live: true,
  }),
  shortPollingTimeMills: long({
    default: 1000,
    unit: 'ms',
    about: 'How long a pull is held when longPollingEnable is false.',
    live: true,
  }),
  transferMsgByHeap: bool({
    default: true,
    inert: 'messages go from the hot tail or the file to the socket without a second copy',
    about: 'Copy messages through the heap.',
  }),
  maxTransferBytesOnMessageInMemory: int({
    default: 256 * 1024,
    min: 1,
    unit: 'bytes',
    about: 'Most bytes of one pull from the hot part of the log.',
    live: true,
  }),
  maxTransferCountOnMessageInMemory: int({
    default: 32,
    min: 1,
    about: 'Most messages of one pull from the hot part of the log.',
    live: true,
  }),
  maxTransferBytesOnMessageInDisk: int({
    default: 64 * 1024,
    min: 1,
    unit: 'bytes',
    about: 'Most bytes of one pull from the cold part of the log.',
    live: true,
  }),
  maxTransferCountOnMessageInDisk: int({
    default: 8,
    min: 1,
    about: 'Most messages of one pull from the cold part of the log.',
    live: true,
  }),
  accessMessageInMemoryMaxRatio: int({
    default: 40,
    min: 1,
    max: 95,
    unit: '% of RAM',
    about: 'What lies this close to the end of the log counts as hot.',
    live: true,
  }),
  maxFilterMessageSize: int({
    default: 16_000,
    min: 20,
    unit: 'bytes',
    about: 'How much of a consume queue one pull looks through for matching tags.',
    live: true,
  }),
  offsetCheckInSlave: bool({
    default: false,
    about: 'A slave corrects the offsets of its readers.',
  }),
  defaultQueryMaxNum: int({ default: 32, min: 1, about: 'Most answers to a query by key.', live: true }),
  rejectPullConsumerEnable: bool({
    default: false,
    about: 'Do not register consumers that pull by themselves (DefaultMQPullConsumer, lite pull consumers).',
    live: true,
  }),
  notifyConsumerIdsChangedEnable: bool({
    default: true,
    about: 'Tell the members of a consumer group when one comes or goes.',
    live: true,
  }),
  realTimeNotifyConsumerChange: bool({
    default: true,
    inert: 'members are always told at once',
    about: 'Tell them at once instead of every 15 s.',
  }),
  channelExpiredTimeout: long({
    default: 120_000,
    min: 1000,
    unit: 'ms',
    inert: 'it is always 120 s',
    about: 'A client without a heartbeat for so long is forgotten.',
  }),
  startAcceptSendRequestTimeStamp: long({
    default: 0,
    unit: 'ms since 1970',
    about: 'Sends are refused before this moment.',
    live: true,
  }),
  useServerSideResetOffset: bool({
    default: true,
    about:
      'Keep offset resets on the broker until the consumer picks them up; false tells the consumers that are online.',
    live: true,
  }),
  sendInFlightBytes: long({
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    unit: 'bytes',
    ours: true,
    about: 'Messages taken in and not yet acknowledged; beyond it sends are answered SYSTEM_BUSY.',
    live: true,
  }),

  // Flow control by time in a queue
  brokerFastFailureEnable: bool({ default: true, inert: because.NO_QUEUES, about: 'Fail requests that waited long.' }),
  waitTimeMillsInSendQueue: queueWait(200, 'send'),
  waitTimeMillsInPullQueue: queueWait(5000, 'pull'),
  waitTimeMillsInLitePullQueue: queueWait(5000, 'lite pull'),
  waitTimeMillsInHeartbeatQueue: queueWait(31_000, 'heartbeat'),
  waitTimeMillsInTransactionQueue: queueWait(3000, 'end-transaction'),
  waitTimeMillsInAckQueue: queueWait(3000, 'ack'),
  waitTimeMillsInAdminBrokerQueue: queueWait(5000, 'administration'),
  osPageCacheBusyTimeOutMills: long({
    default: 1000,
    unit: 'ms',
    inert: because.NO_QUEUES,
    about: 'A put that takes longer means that the disk is busy.',
  }),
  sendMessageThreadPoolNums: threads(4, 'send'),
  pullMessageThreadPoolNums: threads(20, 'pull'),
  serverWorkerThreads: threads(8, 'decoding'),
  serverSelectorThreads: threads(3, 'socket'),
  useEpollNativeSelector: bool({ default: false, inert: because.NO_JVM, about: 'Use the native selector.' }),

  // Registration
  registerNameServerPeriod: int({
    default: 30_000,
    min: 10_000,
    max: 60_000,
    unit: 'ms',
    about: 'How often the broker registers again.',
  }),
  registerBrokerTimeoutMills: int({ default: 24_000, min: 1, unit: 'ms', about: 'Time-out of a registration.' }),
  forceRegister: bool({
    default: true,
    inert: 'a registration is always in full, and a small request asks every second whether it is still known',
    about: 'Register in full each time; otherwise ask first whether anything changed.',
  }),
  compressedRegister: bool({
    default: false,
    about: 'Compress the body of a registration.',
    live: true,
  }),
  enableSplitRegistration: bool({
    default: false,
    inert: 'a registration is always one request',
    about: 'Spread a registration over several requests.',
  }),
  splitRegistrationSize: int({
    default: 800,
    min: 1,
    inert: 'a registration is always one request',
    about: 'Topics of one such request.',
  }),
  brokerHeartbeatInterval: int({ default: 1000, min: 100, unit: 'ms', about: 'How often a heartbeat is sent.' }),
  brokerNotActiveTimeoutMillis: long({
    default: 10_000,
    min: 1000,
    unit: 'ms',
    about: 'Silence after which name servers drop this broker, when heartbeats are sent.',
  }),

  // Consumer offsets and small files
  flushConsumerOffsetInterval: int({
    default: 5000,
    min: 100,
    unit: 'ms',
    about: 'How often consumer offsets are saved.',
  }),

  // Store: files
  storePathRootDir: text({ default: '', defaultText: '~/store', about: 'Directory of the store.' }),
  storePathCommitLog: text({
    default: '',
    defaultText: 'commitlog below storePathRootDir',
    about: 'Directory of the commit log.',
  }),
  mappedFileSizeCommitLog: int({
    default: 1024 ** 3,
    min: 4096,
    unit: 'bytes',
    about: 'Size of a commit log file. Fixed for the life of a store.',
  }),
  mappedFileSizeConsumeQueue: int({
    default: 6_000_000,
    min: 20,
    multipleOf: 20,
    unit: 'bytes',
    about: 'Size of a consume queue file: 20 bytes a message. Fixed for the life of a store.',
  }),
  messageIndexEnable: bool({ default: true, about: 'Index messages by key.' }),
  messageIndexSafe: bool({
    default: false,
    inert: 'the index is always made whole after a crash',
    about: 'After a crash, index again from what the checkpoint vouches for.',
  }),
  maxHashSlotNum: int({ default: 5_000_000, min: 1, max: 100_000_000, about: 'Hash slots of an index file.' }),
  maxIndexNum: int({ default: 20_000_000, min: 2, max: 100_000_000, about: 'Entries of an index file.' }),
  checkCRCOnRecover: bool({
    default: true,
    inert: 'bodies are always checked',
    about: 'Check the bodies of messages during recovery.',
  }),
  storeType: oneOf(['default', 'defaultRocksDB'], {
    default: 'default',
    notYet: { defaultRocksDB: 'RocksDB, which this implementation does not have' },
    about: 'What keeps the consume queues.',
  }),
  storeHotTailBytes: long({
    default: 32 * 1024 * 1024,
    min: 8 * 1024 * 1024,
    max: 2 ** 40,
    unit: 'bytes',
    ours: true,
    about: 'Memory for the newest messages: consumers that keep up are served from it.',
  }),
  storeColdCacheBytes: long({
    default: 16 * 1024 * 1024,
    max: 2 ** 40,
    unit: 'bytes',
    ours: true,
    about: 'Memory for older messages that consumers of a backlog share.',
  }),
  storeMaxOpenFiles: int({
    default: 64,
    min: 1,
    max: 1_000_000,
    ours: true,
    about: 'Old commit log files, and as many consume queue files, kept open; the least recently used one is closed.',
  }),
  storeColdReads: int({
    default: 2,
    min: 1,
    max: 1024,
    ours: true,
    about: 'Reads of older messages at one time, so that writes and syncs never wait behind them.',
  }),
  enabledAppendPropCRC: bool({
    default: false,
    notYet: 'a checksum over properties, which this implementation does not have',
    about: 'Append a checksum to the properties.',
  }),
  forceVerifyPropCRC: bool({ default: false, inert: because.OTHER, about: 'Verify that checksum.' }),
  enableConsumeQueueExt: bool({
    default: false,
    inert: because.NO_BITMAPS,
    about: 'Keep filter bitmaps beside the queue.',
  }),
  enableLmq: bool({ default: false, inert: because.LITE, about: 'Allow light message queues.' }),
  enableMultiDispatch: bool({ default: false, inert: because.LITE, about: 'Dispatch a message to several queues.' }),
  configManagerVersion: oneOf(['v1', 'v2'], {
    default: 'v1',
    notYet: { v2: 'RocksDB, which this implementation does not have' },
    about: 'v1 keeps topics, groups and offsets in JSON files.',
  }),
  enableSplitMetadata: bool({ default: true, inert: because.OTHER, about: 'Split large metadata between brokers.' }),

  // Store: durability
  flushDiskType: oneOf(['ASYNC_FLUSH', 'SYNC_FLUSH'], {
    default: 'ASYNC_FLUSH',
    about: 'SYNC_FLUSH acknowledges a message when it is on stable storage.',
  }),
  flushIntervalCommitLog: int({
    default: 500,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    about: 'How often ASYNC_FLUSH syncs the commit log.',
  }),
  flushIntervalConsumeQueue: int({
    default: 1000,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    about: 'How often consume queues, index and checkpoint are written.',
  }),
  flushCommitLogTimed: bool({
    default: true,
    inert: 'the interval is always kept',
    about: 'Flush on the interval only.',
  }),
  syncFlushTimeout: int({
    default: 5000,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    about: 'After so long a SYNC_FLUSH send is answered FLUSH_DISK_TIMEOUT.',
    live: true,
  }),
  transientStorePoolEnable: bool({ default: false, inert: because.NO_MMAP, about: 'Write through direct buffers.' }),
  transientStorePoolSize: int({ default: 5, inert: because.NO_MMAP, about: 'Number of those buffers.' }),
  dataReadAheadEnable: bool({ default: true, inert: 'cold reads are always read ahead', about: 'Read ahead.' }),
  coldDataFlowControlEnable: bool({
    default: false,
    inert: 'storeColdReads bounds cold reads',
    about: 'Slow down groups that read cold data.',
  }),

  // Store: retention
  fileReservedTime: int({
    default: 48,
    min: 1,
    max: 1_000_000,
    unit: 'hours',
    apache: '72',
    because: "Apache's own sample broker.conf, which most installations start from, says 48.",
    about: 'How long a commit log file is kept after its last write.',
    live: true,
  }),
  deleteWhen: hours({
    default: [4],
    about: 'Hours of the day, local time, at which expired files are deleted.',
    live: true,
  }),
  diskMaxUsedSpaceRatio: int({
    default: 75,
    min: 10,
    max: 95,
    unit: '% of the disk',
    about: 'Above it expired files are deleted at any hour.',
    live: true,
  }),
  diskSpaceCleanForciblyRatio: int({
    default: 85,
    min: 30,
    max: 99,
    unit: '% of the disk',
    about: 'Above it the oldest files are deleted although they have not expired.',
    live: true,
  }),
  diskSpaceWarningLevelRatio: int({
    default: 90,
    min: 35,
    max: 99,
    unit: '% of the disk',
    about: 'Above it the broker takes no more messages.',
    live: true,
  }),
  cleanFileForciblyEnable: bool({ default: true, about: 'Allow deletion of files before they expire.', live: true }),
  cleanResourceInterval: int({
    default: 10_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    about: 'How often retention looks.',
  }),
  deleteFileBatchMax: int({
    default: 10,
    min: 1,
    max: 1_000_000,
    about: 'Most commit log files deleted in one round.',
    live: true,
  }),

  // Replication
  brokerRole: oneOf(['ASYNC_MASTER', 'SYNC_MASTER', 'SLAVE'], {
    default: 'ASYNC_MASTER',
    about: 'SYNC_MASTER acknowledges a message when enough slaves have it.',
  }),
  haListenPort: port({
    default: 0,
    defaultText: 'listenPort + 1',
    about: 'Port for slaves.',
  }),
  haMasterAddress: text({ default: '', about: 'Address of the master, for a slave.' }),
  haSendHeartbeatInterval: int({ default: 5000, unit: 'ms', about: 'Beat of a link.' }),
  haHousekeepingInterval: int({
    default: 20_000,
    unit: 'ms',
    about: 'Silence that ends a link.',
  }),
  haTransferBatchSize: int({
    default: 32_768,
    min: 1,
    unit: 'bytes',
    inert: 'a frame takes what has gathered, up to 256 KiB',
    about: 'Bytes of a transfer.',
  }),
  haMaxTimeSlaveNotCatchup: long({
    default: 15_000,
    min: 100,
    unit: 'ms',
    about: 'Under a controller: a member that has not caught up for so long leaves the in-sync set.',
    live: true,
  }),
  haMaxGapNotInSync: int({
    default: 256 * 1024 * 1024,
    min: 1,
    unit: 'bytes',
    about: 'A slave that is further behind is not in sync.',
    live: true,
  }),
  slaveTimeout: int({
    default: 3000,
    unit: 'ms',
    about: 'Wait for slaves before FLUSH_SLAVE_TIMEOUT.',
    live: true,
  }),
  totalReplicas: int({
    default: 1,
    min: 1,
    about: 'Members of the group, the master included: the most that inSyncReplicas can ask for.',
  }),
  inSyncReplicas: int({
    default: 1,
    min: 1,
    about: 'Members that must have a message, the master included.',
  }),
  minInSyncReplicas: int({
    default: 1,
    min: 1,
    about: 'With fewer members in sync, sends are refused.',
  }),
  allAckInSyncStateSet: bool({
    default: false,
    about:
      'Under a controller: acknowledge what every member of the in-sync set has; otherwise what the master has, while none of them is silent.',
  }),
  enableAutoInSyncReplicas: bool({
    default: false,
    about: 'Lower inSyncReplicas when members are away.',
  }),
  enableSlaveActingMaster: bool({
    default: false,
    inert: because.REPLICATION,
    about: 'A slave serves while the master is away.',
  }),
  enableRemoteEscape: bool({
    default: false,
    inert: because.REPLICATION,
    about: 'An acting master forwards to other groups.',
  }),
  skipPreOnline: bool({
    default: false,
    inert: because.REPLICATION,
    about: 'Come online without aligning with the group first.',
  }),
  enableControllerMode: bool({
    default: false,
    about: 'A controller decides who is master of the group. brokerId is then 1 to n, or 0 to be given one.',
  }),
  controllerAddr: addresses({ default: [], about: 'Controllers; each is told everything, and any of them decides.' }),
  controllerHeartBeatTimeoutMills: long({
    default: 3000,
    min: 1500,
    unit: 'ms',
    apache: '10000',
    because: 'A beat comes every second, and a silent master is replaced within seconds.',
    about: 'Silence after which a controller takes this member for dead.',
  }),
  brokerElectionPriority: int({
    default: 2 ** 31 - 1,
    about: 'Of members with equal logs the one with the lowest is elected.',
  }),
  groupAddress: text({
    default: '',
    ours: true,
    pattern: /^(|(\[[0-9a-fA-F:]+\]|[^\s:;[\]]+):\d{1,5})$/,
    allowed: 'ADDRESS:PORT, or nothing',
    defaultText: "the master's own address",
    about: 'Under a controller: where clients find the master, whoever it is. The master registers it.',
  }),
  groupListenPort: port({
    default: 0,
    ours: true,
    defaultText: 'none',
    about: 'Under a controller: port for clients that is open only on the master, beside its own.',
  }),
  enableDLegerCommitLog: bool({
    default: false,
    notYet: 'DLedger, which this implementation does not have',
    about: 'Replicate through DLedger.',
  }),
  dLegerGroup: text({ default: '', inert: because.CONTROLLER, about: 'DLedger group.' }),
  dLegerPeers: text({ default: '', inert: because.CONTROLLER, about: 'DLedger peers.' }),
  dLegerSelfId: text({ default: '', inert: because.CONTROLLER, about: 'DLedger id.' }),

  // Compaction topics
  enableCompaction: bool({
    default: true,
    about: 'Compact topics of cleanup.policy=COMPACTION. Without it they are read, and expire, as any other.',
  }),
  compactionScheduleInternal: int({
    default: 900_000,
    min: 100,
    unit: 'ms',
    about: 'Time between two compaction runs.',
    live: true,
  }),
  maxOffsetMapSize: int({
    default: 104_857_600,
    min: 1,
    unit: 'bytes',
    about: 'Most memory for the keys of a compaction run, 32 bytes a key; a queue with more takes several passes.',
    live: true,
  }),
  compactionMappedFileSize: int({
    default: 104_857_600,
    min: 1024,
    unit: 'bytes',
    about:
      'Size of a compaction log file, brought to a multiple of the queue file, five times as long at least. Fixed for the life of a store.',
  }),
  compactionCqMappedFileSize: int({
    default: 10_485_760,
    min: 230,
    max: 400_000_000,
    unit: 'bytes',
    about: 'Size of its consume queue file, 46 bytes a message. Fixed for the life of a store.',
  }),

  // Delayed and timed messages
  messageDelayLevel: delays({
    default: [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200].map(s => s * 1000),
    about: 'Delay of level 1, 2, ….',
    live: true,
  }),
  flushDelayOffsetInterval: long({
    default: 1000,
    apache: '10000',
    because: 'What was delivered since is delivered again after a crash.',
    min: 1,
    unit: 'ms',
    about: 'Time between two saves of how far the delay levels have been delivered.',
  }),
  timerWheelEnable: bool({
    default: true,
    about: 'Allow messages for any moment. Without it they are refused, and those that wait go on waiting.',
  }),
  timerPrecisionMs: int({
    default: 1000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    about: 'Grain of those moments. Change it only while nothing waits.',
  }),
  timerMaxDelaySec: int({ default: 259_200, min: 1, unit: 's', about: 'Furthest such moment.', live: true }),
  timerRollWindowSlot: int({
    default: 172_800,
    min: 1,
    about: 'A message further away than so many steps of timerPrecisionMs is stored once more on its way there.',
  }),
  mappedFileSizeTimerLog: int({
    default: 104_857_600,
    min: 4096,
    unit: 'bytes',
    about: 'Size of a file of the timer log: 52 bytes a message. Fixed for the life of a store.',
  }),
  timerFlushIntervalMs: int({
    default: 1000,
    min: 1,
    unit: 'ms',
    about: 'Time between two saves of the wheel; what was delivered since is delivered again after a crash.',
  }),
  timerCongestNumEachSlot: int({
    default: 2_147_483_647,
    min: 1,
    about: 'Messages for one moment from which on more and more are refused, all from twice as many.',
    live: true,
  }),
  appendTopicForTimerDeleteKey: bool({
    default: false,
    about: 'Recalls name the topic beside the id of the message. Both forms are understood.',
    live: true,
  }),
  timerStopEnqueue: bool({
    default: false,
    about: 'Put no more messages into the wheel; they wait in the log.',
    live: true,
  }),
  timerStopDequeue: bool({ default: false, about: 'Deliver no more messages from the wheel.', live: true }),
  enableScheduleAsyncDeliver: bool({
    default: false,
    inert: 'delayed messages are always delivered in batches, without waiting for each put',
    about: 'Deliver without waiting for each put.',
  }),
  recallMessageEnable: bool({
    default: true,
    apache: 'false',
    because: 'A client that has a recall handle expects it to work.',
    about: 'Allow messages that wait for their time to be recalled.',
    live: true,
  }),
  allowRecallWhenBrokerNotWriteable: bool({
    default: true,
    about: 'Allow recalls while brokerPermission forbids sends.',
    live: true,
  }),

  // Transactions
  rejectTransactionMessage: bool({
    default: false,
    about: 'Refuse transactional messages.',
    live: true,
  }),
  transactionTimeOut: long({
    default: 6000,
    min: 1,
    unit: 'ms',
    about: 'Age of the first check.',
    live: true,
  }),
  transactionCheckMax: int({
    default: 15,
    min: 1,
    about: 'Checks before a half message is set aside.',
    live: true,
  }),
  transactionCheckInterval: long({
    default: 30_000,
    min: 1,
    unit: 'ms',
    about: 'How often checks run.',
    live: true,
  }),
  transactionOpBatchInterval: int({
    default: 3000,
    min: 1,
    unit: 'ms',
    about: 'How long decided transactions are collected before one op message notes them.',
    live: true,
  }),
  transactionOpMsgMaxSize: int({
    default: 4096,
    min: 1,
    unit: 'bytes',
    about: 'Size from which on an op message is written at once.',
    live: true,
  }),

  // Filters
  enablePropertyFilter: bool({
    default: true,
    apache: 'false',
    because: 'SQL92 subscriptions are part of the clients; a switch that is off by default only makes them fail.',
    about: 'Allow SQL92 subscriptions.',
    live: true,
  }),
  enableCalcFilterBitMap: bool({
    default: false,
    inert: because.NO_BITMAPS,
    about: 'Compute filters when messages arrive.',
  }),
  filterSupportRetry: bool({
    default: false,
    about:
      'Filter retried messages by the topic they came from, for groups that subscribe to their retry topic by SQL92.',
    live: true,
  }),
  filterDataCleanTimeSpan: long({
    default: 86_400_000,
    min: 0,
    unit: 'ms',
    about: 'How long the SQL92 filter of a group without consumers is kept.',
    live: true,
  }),
  maxErrorRateOfBloomFilter: int({
    default: 20,
    min: 1,
    max: 99,
    unit: '%',
    about: 'Of consumerFilter.json, which Apache takes back only when both brokers have the same value.',
  }),
  expectConsumerNumUseFilter: int({
    default: 32,
    min: 1,
    max: 10_000,
    about: 'Of consumerFilter.json, as the key above.',
  }),

  // Pop
  enablePopBufferMerge: bool({
    default: false,
    about: 'Keep what was popped in memory for a while: what is acknowledged in time is never written.',
    live: true,
  }),
  popCkStayBufferTime: int({
    default: 10_000,
    min: 0,
    unit: 'ms',
    about: 'How long enablePopBufferMerge keeps it there.',
    live: true,
  }),
  popCkStayBufferTimeOut: int({
    default: 3000,
    min: 0,
    unit: 'ms',
    about: 'How long before its messages become visible again it is written at the latest.',
    live: true,
  }),
  popCkMaxBufferSize: int({ default: 200_000, min: 0, about: 'How many pops it keeps there.', live: true }),
  reviveQueueNum: int({ default: 8, min: 1, max: 1024, about: 'Queues of the revive topic.' }),
  popFromRetryProbability: int({
    default: 20,
    max: 100,
    unit: '%',
    about: 'Chance that the retry topic is first.',
    live: true,
  }),
  enableRetryTopicV2: bool({ default: false, about: 'Name pop retry topics with a plus sign.', live: true }),
  retrieveMessageFromPopRetryTopicV1: bool({
    default: true,
    about: 'With enableRetryTopicV2, read also what lies in retry topics of the first form.',
    live: true,
  }),
  popResponseReturnActualRetryTopic: bool({
    default: false,
    about: 'Hand out retried messages under the name of their retry topic.',
    live: true,
  }),
  initPopOffsetByCheckMsgInMem: bool({
    default: true,
    about: 'A group that begins at the newest message begins at the oldest as long as all are in memory.',
    live: true,
  }),
  popPollingSize: int({ default: 1024, min: 0, about: 'Pops of one group and queue that may wait.', live: true }),
  maxPopPollingSize: long({ default: 100_000, min: 0, about: 'Pops that may wait in all.', live: true }),
  popLongPollingForceNotifyInterval: long({
    default: 800,
    min: 0,
    about: 'A message at each such offset wakes a waiting pop even when it does not match. 0: never.',
    live: true,
  }),
  enablePopMessageThreshold: bool({
    default: false,
    about: 'Give no more of a queue to a group that has too many messages of it unacknowledged.',
    live: true,
  }),
  popInflightMessageThreshold: long({ default: 10_000, min: 0, about: 'How many are too many.', live: true }),
  defaultMessageRequestMode: oneOf(['PULL', 'POP'], {
    default: 'PULL',
    about: 'Mode of a group for which setConsumeMode was never called.',
    live: true,
  }),
  defaultPopShareQueueNum: int({
    default: -1,
    min: -1,
    about:
      'How many other consumers share the queues of each one of such a group when it pops. 0 and less: all of them.',
    live: true,
  }),
  serverLoadBalancerEnable: bool({
    default: true,
    about: 'The broker shares out queues to clients that ask; else they are told all queues.',
    live: true,
  }),

  // Access control
  aclEnable: bool({ default: false, notYet: noAccessControl(), about: 'Access control of Apache RocketMQ 4.' }),
  authenticationEnabled: bool({
    default: false,
    notYet: noAccessControl(),
    about: 'Clients must sign their requests.',
  }),
  authorizationEnabled: bool({
    default: false,
    notYet: noAccessControl(),
    about: 'Requests are checked against rules.',
  }),

  // Watching and changing
  metricsExporterType: oneOf(['DISABLE', 'PROM'], {
    default: 'PROM',
    apache: 'DISABLE',
    because: 'Metrics cost next to nothing here, and a broker that nobody can see is of no use.',
    about: 'PROM serves /metrics on metricsPromExporterPort.',
  }),
  metricsLabel: text({ default: '', about: 'Labels for every metric: `key:value,key:value`.' }),
  ...httpSettings(5557),
  configBlackList: list({
    default: ['configBlackList', 'brokerConfigPath'],
    about: 'Keys that may not be changed at run time.',
  }),
  brokerConfigPath: text({
    default: '',
    defaultText: 'the file given with -c',
    about: 'File that run-time changes are saved in.',
  }),
  ...logSettings,
} as const

function noAccessControl(): string {
  return 'access control, which this version does not have yet'
}

function queueWait(defaultMs: number, of: string) {
  return long({
    default: defaultMs,
    unit: 'ms',
    inert: because.NO_QUEUES,
    about: `How long a ${of} request may wait before it is answered SYSTEM_BUSY.`,
  })
}

function threads(count: number, of: string) {
  return int({ default: count, inert: because.ONE_LOOP, about: `Number of ${of} threads.` })
}
