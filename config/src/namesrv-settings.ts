import * as because from './reasons.ts'
import { bool, int, list, long, port, text } from './setting.ts'
import { httpSettings, logSettings, serverSettings, tlsSettings } from './shared-settings.ts'

/** The keys of namesrv.conf: NamesrvConfig.java and NettyServerConfig.java of Apache RocketMQ 5.5.0, and a few of ours. */
export const namesrvSettings = {
  listenPort: port({ default: 9876, about: 'Port for clients and brokers. 0 takes any free port.' }),
  bindAddress: text({ default: '0.0.0.0', about: 'Address of the interface to listen on.' }),
  ...serverSettings,
  ...tlsSettings,
  kvConfigPath: text({
    default: '',
    defaultText: '~/namesrv/kvConfig.json',
    about: 'File of the key-value configuration.',
  }),
  configStorePath: text({
    default: '',
    defaultText: '~/namesrv/namesrv.properties',
    about: 'File that run-time changes are saved in.',
  }),
  scanNotActiveBrokerInterval: long({
    default: 5000,
    min: 100,
    unit: 'ms',
    about: 'How often brokers are looked through for silent ones.',
  }),
  unRegisterBrokerQueueCapacity: int({
    default: 3000,
    min: 1,
    inert: 'a broker that leaves is removed at once',
    about: 'Brokers that may wait to be removed.',
  }),
  orderMessageEnable: bool({
    default: false,
    about: 'Add the order configuration of a topic to its route.',
    live: true,
  }),
  returnOrderTopicConfigToBroker: bool({
    default: true,
    about: 'Tell brokers the order configuration when they register.',
    live: true,
  }),
  clusterTest: bool({
    default: false,
    inert: 'routes are never looked up elsewhere',
    about: 'Look unknown topics up at another name server.',
  }),
  productEnvName: text({
    default: 'center',
    inert: 'routes are never looked up elsewhere',
    about: 'Name of that other environment.',
  }),
  supportActingMaster: bool({
    default: false,
    about: 'Show the smallest id of a group without master as its master.',
    live: true,
  }),
  notifyMinBrokerIdChanged: bool({
    default: false,
    about: 'Tell the members of a group when its smallest id changes.',
    live: true,
  }),
  enableTopicList: bool({ default: true, about: 'Answer requests for the topics of a cluster.', live: true }),
  enableAllTopicList: bool({ default: true, about: 'Answer requests for all topics.', live: true }),
  deleteTopicWithBrokerRegistration: bool({
    default: false,
    about: 'Forget topics that a broker no longer names when it registers.',
    live: true,
  }),
  needWaitForService: bool({
    default: false,
    about: 'Answer route queries only after waitSecondsForService.',
  }),
  waitSecondsForService: int({ default: 45, max: 3600, unit: 's', about: 'See needWaitForService.' }),
  expectedBrokers: list({
    default: [],
    ours: true,
    about: 'Broker names that /readyz waits for after a start, for at most 10 s.',
  }),
  enableControllerInNamesrv: bool({
    default: false,
    notYet: 'a controller in the name server; run it as a process of its own',
    about: 'Run a controller in the same process.',
  }),
  clientRequestThreadPoolNums: int({ default: 8, inert: because.ONE_LOOP, about: 'Number of route query threads.' }),
  defaultThreadPoolNums: int({ default: 16, inert: because.ONE_LOOP, about: 'Number of other threads.' }),
  clientRequestThreadPoolQueueCapacity: int({
    default: 50_000,
    inert: because.NO_QUEUES,
    about: 'Route queries that may wait.',
  }),
  defaultThreadPoolQueueCapacity: int({
    default: 10_000,
    inert: because.NO_QUEUES,
    about: 'Other requests that may wait.',
  }),
  serverWorkerThreads: int({ default: 8, inert: because.ONE_LOOP, about: 'Number of decoding threads.' }),
  serverSelectorThreads: int({ default: 3, inert: because.ONE_LOOP, about: 'Number of socket threads.' }),
  useEpollNativeSelector: bool({ default: false, inert: because.NO_JVM, about: 'Use the native selector.' }),
  ...httpSettings(5558),
  configBlackList: list({
    default: ['configBlackList', 'configStorePath', 'kvConfigPath'],
    about: 'Keys that may not be changed at run time.',
  }),
  ...logSettings,
} as const
