/** Keys of broker.conf; both brokers know them. */
export type Conf = Readonly<Record<string, string | number | boolean>>

/** Which memory the JVM gets: what Apache's own script gives it, or 1 GiB. Ours has no such setting. */
export type Heap = 'default' | '1g'

/** A process of one contestant. */
export interface Server {
  readonly pid: number
  /** SIGTERM, and SIGKILL when that takes too long. Resolves when it is gone. */
  stop(): Promise<void>
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>
}

export interface BrokerStart {
  /** Everything the process writes stays below it. */
  readonly directory: string
  readonly port: number
  /** `host:port` */
  readonly nameServer: string
  readonly conf: Conf
  readonly heap: Heap
}

/** One of the two that are compared. */
export interface Contestant {
  readonly name: 'Apache' | 'RocketCluster'
  /** What exactly runs, for the report. */
  readonly version: string
  startNameServer(directory: string, port: number): Promise<Server>
  /** Resolves when the broker serves and the name server knows it. */
  startBroker(start: BrokerStart): Promise<Server>
}

export const BROKER_NAME = 'broker-a'

/**
 * What both brokers are told, whatever is measured: the same retention, the same rights of clients, metrics on. Where the
 * defaults of the two differ, this decides; everything else is as it comes.
 */
export const COMMON_CONF: Conf = {
  brokerClusterName: 'DefaultCluster',
  brokerName: BROKER_NAME,
  brokerId: 0,
  brokerIP1: '127.0.0.1',
  fileReservedTime: 48,
  deleteWhen: '04',
  autoCreateTopicEnable: true,
  autoCreateSubscriptionGroup: true,
  messageIndexEnable: true,
  slaveReadEnable: true,
  metricsExporterType: 'PROM',
  // The machine's disk may be well used already; retention must not start amid a measure.
  diskMaxUsedSpaceRatio: 90,
  diskSpaceCleanForciblyRatio: 94,
  diskSpaceWarningLevelRatio: 96,
}
