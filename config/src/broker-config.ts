import { ignoredBrokerKeys } from './apache-keys.ts'
import { brokerSettings } from './broker-settings.ts'
import { type Check, configSchema, type Overrides } from './schema.ts'
import type { ConfigOf } from './setting.ts'

/** All of broker.conf, typed. */
export type BrokerConfig = ConfigOf<typeof brokerSettings>
export type BrokerOverrides = Overrides<typeof brokerSettings>

type BrokerCheck = Check<typeof brokerSettings>

/** What a record adds to its body at most: CommitLog.java allows 64 KiB of properties and fields. */
const RECORD_OVERHEAD_BYTES = 64 * 1024
/** A file ends with at least a blank record's 8 bytes. */
const BLANK_BYTES = 8

const masterHasIdZero: BrokerCheck = ({ brokerRole, brokerId, enableControllerMode }) => {
  if (enableControllerMode) return undefined
  if (brokerRole === 'SLAVE' && brokerId === 0)
    return { key: 'brokerId', message: '0 is the master; a SLAVE has an id from 1' }
  if (brokerRole !== 'SLAVE' && brokerId !== 0) {
    return {
      key: 'brokerId',
      message: `${brokerId} is a slave's id, but brokerRole is ${brokerRole}; a master has brokerId 0`,
    }
  }
  return undefined
}

const portsDiffer: BrokerCheck = ({ listenPort, haListenPort, metricsPromExporterPort, groupListenPort }) => {
  if (listenPort === 1 || listenPort === 2) {
    return {
      key: 'listenPort',
      message: `${listenPort} leaves no port two below it for the fast port; allowed is 0 or from 3`,
    }
  }
  const taken = new Map<number, string>()
  const ports = [
    ['listenPort', 'listenPort', listenPort],
    ['listenPort', 'the fast port (listenPort - 2)', listenPort === 0 ? 0 : listenPort - 2],
    ['haListenPort', 'haListenPort', haListenPort],
    ['metricsPromExporterPort', 'metricsPromExporterPort', metricsPromExporterPort],
    ['groupListenPort', 'groupListenPort', groupListenPort],
    ['groupListenPort', 'the fast port of the group (groupListenPort - 2)', Math.max(0, groupListenPort - 2)],
  ] as const
  for (const [key, name, port] of ports) {
    const holder = taken.get(port)
    if (port !== 0 && holder !== undefined) return { key, message: `${port} is already ${holder}` }
    taken.set(port, name)
  }
  return undefined
}

const ratiosRise: BrokerCheck = config => {
  const {
    diskMaxUsedSpaceRatio: expired,
    diskSpaceCleanForciblyRatio: forced,
    diskSpaceWarningLevelRatio: full,
  } = config
  if (forced < expired) {
    return { key: 'diskSpaceCleanForciblyRatio', message: `${forced} is below diskMaxUsedSpaceRatio ${expired}` }
  }
  if (full < forced) {
    return { key: 'diskSpaceWarningLevelRatio', message: `${full} is below diskSpaceCleanForciblyRatio ${forced}` }
  }
  return undefined
}

const messageFitsFile: BrokerCheck = ({ maxMessageSize, mappedFileSizeCommitLog }) => {
  const needed = maxMessageSize + RECORD_OVERHEAD_BYTES + BLANK_BYTES
  if (mappedFileSizeCommitLog >= needed) return undefined
  return {
    key: 'mappedFileSizeCommitLog',
    message: `${mappedFileSizeCommitLog} cannot hold a message of maxMessageSize ${maxMessageSize}; allowed is from ${needed}`,
  }
}

const replicasNest: BrokerCheck = ({ totalReplicas, inSyncReplicas, minInSyncReplicas }) => {
  if (inSyncReplicas > totalReplicas) {
    return { key: 'inSyncReplicas', message: `${inSyncReplicas} is above totalReplicas ${totalReplicas}` }
  }
  if (minInSyncReplicas > totalReplicas) {
    return { key: 'minInSyncReplicas', message: `${minInSyncReplicas} is above totalReplicas ${totalReplicas}` }
  }
  return undefined
}

const controllerIsNamed: BrokerCheck = ({ enableControllerMode, controllerAddr, groupListenPort, groupAddress }) => {
  if (!enableControllerMode) return undefined
  if (controllerAddr.length === 0)
    return { key: 'controllerAddr', message: 'is missing; enableControllerMode needs it' }
  if (groupListenPort !== 0 && groupAddress === '')
    return { key: 'groupAddress', message: 'is missing; clients have to be told of groupListenPort' }
  return undefined
}

const certificateWithKey: BrokerCheck = config => tlsIsWhole(config)

/** A certificate needs its key, and enforcing needs both. Holds for name servers too. */
export function tlsIsWhole(config: {
  readonly tlsServerMode: string
  readonly tlsServerCertPath: string
  readonly tlsServerKeyPath: string
}): { key: 'tlsServerCertPath' | 'tlsServerKeyPath'; message: string } | undefined {
  const { tlsServerMode: mode, tlsServerCertPath: certificate, tlsServerKeyPath: key } = config
  if (certificate === '' && (key !== '' || mode === 'enforcing')) {
    return {
      key: 'tlsServerCertPath',
      message: `is missing; ${key !== '' ? 'tls.server.keyPath' : 'enforcing'} needs it`,
    }
  }
  if (key === '' && certificate !== '')
    return { key: 'tlsServerKeyPath', message: 'is missing; tls.server.certPath needs it' }
  return undefined
}

/**
 * A file that only raises diskMaxUsedSpaceRatio (88 is common) means the two ratios above it to rise along; one that
 * states them out of order is refused.
 */
function raisedRatios(config: BrokerConfig): Partial<BrokerConfig> {
  const raised = (ratio: number, standard: number, least: number) =>
    ratio === standard ? Math.max(ratio, least) : ratio
  const forced = raised(
    config.diskSpaceCleanForciblyRatio,
    brokerSettings.diskSpaceCleanForciblyRatio.default,
    config.diskMaxUsedSpaceRatio,
  )
  const full = raised(config.diskSpaceWarningLevelRatio, brokerSettings.diskSpaceWarningLevelRatio.default, forced)
  return { diskSpaceCleanForciblyRatio: forced, diskSpaceWarningLevelRatio: full }
}

/** broker.conf */
export const brokerConfig = configSchema({
  settings: brokerSettings,
  ignored: ignoredBrokerKeys,
  // Apache RocketMQ up to 4.9 wrote "maped".
  aliases: {
    mapedFileSizeCommitLog: 'mappedFileSizeCommitLog',
    mapedFileSizeConsumeQueue: 'mappedFileSizeConsumeQueue',
  },
  derive: config => ({
    ...raisedRatios(config),
    brokerIP2: config.brokerIP2 || config.brokerIP1,
    storePathCommitLog:
      config.storePathCommitLog || (config.storePathRootDir && `${config.storePathRootDir}/commitlog`),
    haListenPort: config.haListenPort || (config.listenPort === 0 ? 0 : config.listenPort + 1),
    metricsPromExporterHost: config.metricsPromExporterHost || config.bindAddress,
  }),
  checks: [
    masterHasIdZero,
    portsDiffer,
    ratiosRise,
    messageFitsFile,
    replicasNest,
    controllerIsNamed,
    certificateWithKey,
  ],
})
