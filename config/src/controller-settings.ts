import { bool, int, list, long, port, text } from './setting.ts'
import { httpSettings, logSettings, serverSettings } from './shared-settings.ts'

/** The keys of controller.conf: ControllerConfig.java and NettyServerConfig.java of Apache RocketMQ 5.5.0, and a few of ours. */
export const controllerSettings = {
  listenPort: port({ default: 19_876, about: 'Port for brokers and tools. 0 takes any free port.' }),
  bindAddress: text({ default: '0.0.0.0', about: 'Address of the interface to listen on.' }),
  advertisedAddress: text({
    default: '',
    defaultText: 'the address over which they came',
    ours: true,
    about: 'What brokers and tools are told to ask.',
  }),
  serverChannelMaxIdleTimeSeconds: serverSettings.serverChannelMaxIdleTimeSeconds,
  controllerStorePath: text({
    default: '',
    defaultText: '~/controller/records',
    about: 'Directory of the records; all controllers of the machine share it.',
  }),
  configStorePath: text({
    default: '',
    defaultText: '~/controller/controller.properties',
    about: 'File that run-time changes are saved in.',
  }),
  configBlackList: list({
    default: ['configBlackList', 'configStorePath'],
    about: 'Keys that may not be changed at run time.',
  }),
  controllerDLegerGroup: text({
    default: 'rocketcluster',
    ours: true,
    about: 'How getControllerMetaData names the controllers together.',
  }),
  controllerDLegerSelfId: text({ default: 'n0', ours: true, about: 'And this one.' }),
  enableElectUncleanMaster: bool({
    default: false,
    about: 'Elect a master outside of the set in sync when nobody else is left; messages may be lost.',
    live: true,
  }),
  notifyBrokerRoleChanged: bool({ default: true, about: 'Tell brokers of an election at once.', live: true }),
  scanNotActiveBrokerInterval: long({
    default: 500,
    min: 50,
    max: 60_000,
    unit: 'ms',
    apache: '5000',
    because: 'A silent master is replaced within seconds; one whose connection closes is noticed without any scan.',
    about: 'How often groups are looked through for silent members.',
    live: true,
  }),
  electionGraceMs: int({
    default: 3000,
    max: 600_000,
    unit: 'ms',
    ours: true,
    about: 'How long after its start a controller listens before it takes a member that it has not heard for dead.',
    live: true,
  }),
  recordTimeoutMs: int({
    default: 4000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    ours: true,
    about: 'How long the record store may take for a decision.',
    live: true,
  }),
  ...httpSettings(5557),
  ...logSettings,
} as const
