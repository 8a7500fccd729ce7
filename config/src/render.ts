import { ManifestError, type ManifestProblem, minInSyncReplicas, type RocketCluster } from '@rocketcluster/crds'
import { brokerConfig } from './broker-config.ts'
import { controllerConfig } from './controller-config.ts'
import { ConfigError } from './errors.ts'
import { namesrvConfig } from './namesrv-config.ts'
import { printProperties } from './properties.ts'

/** One process of a cluster, before anything decided where it runs. */
export interface ProcessIdentity {
  readonly kind: 'nameserver' | 'controller' | 'broker'
  /** `<cluster>-nameserver-<n>`, `<cluster>-controller-<n>` or `<cluster>-broker-<group>-<member>`; unique in its namespace. */
  readonly name: string
  /** Brokers only: `<cluster>-broker-<group>`, shared by the group. */
  readonly brokerName?: string
  /** Brokers only: 0 for one that is alone in its group; members of larger groups count from 1, and any may be the master. */
  readonly brokerId?: number
}

/** A group with members to choose a master from. */
export const isControlled = ({ brokerId }: ProcessIdentity): boolean => brokerId !== undefined && brokerId > 0

/** Where a process runs: decided by the local runtime or the operator. */
export interface Placement {
  /** Address that clients and brokers reach it at. */
  readonly host: string
  /** Address of the interface it listens on. */
  readonly bindAddress: string
  readonly listenPort: number
  readonly metricsPort: number
  /** Brokers only; absent is listenPort + 1. */
  readonly haListenPort?: number
  /** Members of a group only: the port that whoever is master opens for clients beside its own. */
  readonly groupListenPort?: number
  /** Its own directory for everything that it keeps; absolute. */
  readonly directory: string
}

export interface RenderedProcess extends ProcessIdentity {
  readonly placement: Placement
  /** `host:port` for clients. */
  readonly address: string
  /** Members of a group only: `host:port` where clients find the master, whoever it is. */
  readonly groupAddress?: string
  /** Text of its namesrv.conf, controller.conf or broker.conf. */
  readonly conf: string
}

export interface RenderedCluster {
  /** Name servers first. */
  readonly processes: readonly RenderedProcess[]
  /** Keys of `config` that have no effect, one sentence each. */
  readonly warnings: readonly string[]
}

/** The processes that a cluster consists of: name servers first, then controllers, where there is a master to choose. */
export function processesOf(cluster: RocketCluster): ProcessIdentity[] {
  const { metadata, spec } = cluster
  const nameServers = numbers(spec.nameServer.replicas).map(
    (n): ProcessIdentity => ({ kind: 'nameserver', name: `${metadata.name}-nameserver-${n}` }),
  )
  const brokers = numbers(spec.broker.groups).flatMap(group => {
    const brokerName = `${metadata.name}-broker-${group}`
    const { replicas } = spec.broker
    return numbers(replicas).map(
      (member): ProcessIdentity => ({
        kind: 'broker',
        name: `${brokerName}-${member}`,
        brokerName,
        brokerId: replicas === 1 ? 0 : member + 1,
      }),
    )
  })
  const controller: ProcessIdentity = { kind: 'controller', name: `${metadata.name}-controller-0` }
  return [...nameServers, ...(brokers.some(isControlled) ? [controller] : []), ...brokers]
}

/**
 * A cluster's processes with the configuration file of each. Pure: places come from `place`, called once per process.
 * Throws ManifestError when `spec.broker.config` or `spec.nameServer.config` has keys or values that cannot be.
 */
export function renderRocketCluster(
  cluster: RocketCluster,
  place: (process: ProcessIdentity) => Placement,
): RenderedCluster {
  const problems: ManifestProblem[] = []
  const warnings = new Set<string>()
  const placed = processesOf(cluster).map(process => ({ process, placement: place(process) }))
  const addressesOf = (kind: ProcessIdentity['kind']) =>
    placed
      .filter(({ process }) => process.kind === kind)
      .map(({ placement }) => addressOf(placement))
      .join(';')
  const nameServers = addressesOf('nameserver')
  const controllers = addressesOf('controller')

  const brokerNames = [...new Set(placed.flatMap(({ process }) => process.brokerName ?? []))]

  const processes = placed.map(({ process, placement }): RenderedProcess => {
    if (process.kind === 'controller') {
      const conf = `${headOf(process, cluster)}${printProperties(controllerKeys(process, placement))}`
      controllerConfig.parse(conf)
      return { ...process, placement, address: addressOf(placement), conf }
    }
    const isBroker = process.kind === 'broker'
    const section = isBroker ? 'broker' : 'nameServer'
    const chosen = isBroker
      ? brokerKeys(cluster, process, placement, nameServers, controllers)
      : namesrvKeys(placement, brokerNames)
    const user = Object.entries(cluster.spec[section].config).map(([key, value]) => [key, String(value)] as const)
    const conf = `${headOf(process, cluster)}${printProperties([...chosen, ...user])}`
    try {
      const parsed = isBroker ? brokerConfig.parse(conf) : namesrvConfig.parse(conf)
      for (const warning of parsed.warnings) {
        // What we wrote ourselves is no news to the user.
        if (user.some(([key]) => warning.startsWith(`${key} `))) warnings.add(`spec.${section}.config.${warning}`)
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const { key, message } of error.problems) {
        const field = user.some(([name]) => name === key) ? `spec.${section}.config.${key}` : `spec.${section}`
        const said = field.endsWith(key) ? message : `${key}: ${message}`
        if (!problems.some(known => known.field === field && known.message === said))
          problems.push({ field, message: said })
      }
    }
    const groupAddress = groupAddressOf(placement)
    return {
      ...process,
      placement,
      address: addressOf(placement),
      ...(groupAddress !== undefined && { groupAddress }),
      conf,
    }
  })
  if (problems.length > 0) throw new ManifestError(problems)
  return { processes, warnings: [...warnings] }
}

type Keys = (readonly [key: string, value: string])[]

const headOf = ({ name }: ProcessIdentity, { metadata }: RocketCluster) =>
  `# ${name}: rendered from RocketCluster ${metadata.name}\n`

function controllerKeys({ name }: ProcessIdentity, placement: Placement): Keys {
  return [
    ...listenKeys(placement),
    ['advertisedAddress', addressOf(placement)],
    ['controllerStorePath', `${placement.directory}/records`],
    ['configStorePath', `${placement.directory}/controller.properties`],
    ['controllerDLegerSelfId', name],
  ]
}

function namesrvKeys(placement: Placement, brokerNames: readonly string[]): Keys {
  return [
    ...listenKeys(placement),
    ['expectedBrokers', brokerNames.join(';')],
    ['kvConfigPath', `${placement.directory}/kvConfig.json`],
    ['configStorePath', `${placement.directory}/namesrv.properties`],
  ]
}

function brokerKeys(
  cluster: RocketCluster,
  process: ProcessIdentity,
  placement: Placement,
  nameServers: string,
  controllers: string,
): Keys {
  const { durability, replicas } = cluster.spec.broker
  const groupAddress = groupAddressOf(placement)
  const metricsLabels = Object.entries(cluster.spec.monitoring.labels ?? {})
  return [
    ['brokerClusterName', cluster.metadata.name],
    ['brokerName', process.brokerName!],
    ['brokerId', String(process.brokerId)],
    ['namesrvAddr', nameServers],
    ...listenKeys(placement),
    ['brokerIP1', placement.host],
    ...(placement.haListenPort === undefined ? [] : [['haListenPort', String(placement.haListenPort)] as const]),
    ['storePathRootDir', placement.directory],
    ['flushDiskType', durability.flush === 'Sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'],
    ...(isControlled(process)
      ? ([
          ['enableControllerMode', 'true'],
          ['controllerAddr', controllers],
          ['totalReplicas', String(replicas)],
          ['minInSyncReplicas', String(minInSyncReplicas(cluster))],
          // Sync waits for every member in sync; how few may be in sync is a floor under it.
          ['allAckInSyncStateSet', String(durability.replication === 'Sync')],
        ] as const)
      : []),
    ...(groupAddress === undefined
      ? []
      : ([
          ['groupAddress', groupAddress],
          ['groupListenPort', String(placement.groupListenPort)],
        ] as const)),
    ['metricsExporterType', cluster.spec.monitoring.metrics ? 'PROM' : 'DISABLE'],
    ...(metricsLabels.length > 0
      ? [['metricsLabel', metricsLabels.map(([name, value]) => `${name}:${value}`).join(',')] as const]
      : []),
  ]
}

function listenKeys(placement: Placement): Keys {
  return [
    ['listenPort', String(placement.listenPort)],
    ['bindAddress', placement.bindAddress],
    ['metricsPromExporterPort', String(placement.metricsPort)],
    ['metricsPromExporterHost', placement.bindAddress],
  ]
}

const addressOf = ({ host, listenPort }: Placement) => hostAndPort(host, listenPort)

const groupAddressOf = ({ host, groupListenPort }: Placement) =>
  groupListenPort === undefined ? undefined : hostAndPort(host, groupListenPort)

const hostAndPort = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}
