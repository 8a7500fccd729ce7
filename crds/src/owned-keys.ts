/**
 * Keys of broker.conf and namesrv.conf that follow from other fields of the manifest, each with the sentence that says
 * from which. Setting them by hand would contradict what the operator and the local runtime promise.
 */
const NAME = 'follows from metadata.name'
const PORTS = 'is chosen by what runs the cluster, so that every process is found where it says it is'
const PATHS = 'is chosen by what runs the cluster; set spec.broker.storage instead'
const REPLICATION = 'follows from the group; set spec.broker.durability.replication instead'
const MEMBERS = 'follows from the group; set spec.broker.replicas instead'

export const ownedBrokerKeys: Readonly<Record<string, string>> = {
  brokerClusterName: NAME,
  brokerName: NAME,
  brokerId: MEMBERS,
  namesrvAddr: 'follows from the cluster; set spec.nameServer.replicas instead',
  fetchNameSrvAddrByDnsLookup: 'follows from the cluster; set spec.nameServer.replicas instead',
  fetchNamesrvAddrByAddressServer: 'follows from the cluster; set spec.nameServer.replicas instead',
  listenPort: PORTS,
  bindAddress: PORTS,
  brokerIP1: PORTS,
  brokerIP2: PORTS,
  haListenPort: PORTS,
  metricsPromExporterPort: PORTS,
  metricsPromExporterHost: PORTS,
  metricsExporterType: 'follows from the manifest; set spec.monitoring.metrics instead',
  metricsLabel: 'follows from the manifest; set spec.monitoring.labels instead',
  storePathRootDir: PATHS,
  storePathCommitLog: PATHS,
  brokerConfigPath: PATHS,
  brokerRole: REPLICATION,
  haMasterAddress: REPLICATION,
  inSyncReplicas: REPLICATION,
  allAckInSyncStateSet: REPLICATION,
  enableAutoInSyncReplicas: REPLICATION,
  enableSlaveActingMaster: REPLICATION,
  totalReplicas: MEMBERS,
  minInSyncReplicas: 'follows from the group; set spec.broker.durability.minInSyncReplicas instead',
  flushDiskType: 'follows from the group; set spec.broker.durability.flush instead',
  enableControllerMode: MEMBERS,
  controllerAddr: MEMBERS,
  groupAddress: PORTS,
  groupListenPort: PORTS,
  enableDLegerCommitLog: MEMBERS,
}

export const ownedNamesrvKeys: Readonly<Record<string, string>> = {
  listenPort: PORTS,
  bindAddress: PORTS,
  metricsPromExporterPort: PORTS,
  metricsPromExporterHost: PORTS,
  kvConfigPath: 'is chosen by what runs the cluster',
  configStorePath: 'is chosen by what runs the cluster',
  enableControllerInNamesrv: MEMBERS,
  expectedBrokers: 'follows from the cluster; set spec.broker.groups instead',
}
