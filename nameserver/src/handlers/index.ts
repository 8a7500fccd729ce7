import type { Handler, NameserverRequests } from '../handler.ts'
import { addWritePermOfBroker } from './add-write-perm-of-broker.ts'
import { brokerHeartbeat } from './broker-heartbeat.ts'
import { deleteKvConfig } from './delete-kv-config.ts'
import { deleteTopicInNamesrv } from './delete-topic-in-namesrv.ts'
import { getAllTopicListFromNameserver } from './get-all-topic-list-from-nameserver.ts'
import { getBrokerClusterInfo } from './get-broker-cluster-info.ts'
import { getBrokerMemberGroup } from './get-broker-member-group.ts'
import { getHasUnitSubTopicList } from './get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from './get-has-unit-sub-ununit-topic-list.ts'
import { getKvConfig } from './get-kv-config.ts'
import { getKvlistByNamespace } from './get-kvlist-by-namespace.ts'
import { getNamesrvConfig } from './get-namesrv-config.ts'
import { getRouteinfoByTopic } from './get-routeinfo-by-topic.ts'
import { getSystemTopicListFromNs } from './get-system-topic-list-from-ns.ts'
import { getTopicsByCluster } from './get-topics-by-cluster.ts'
import { getUnitTopicList } from './get-unit-topic-list.ts'
import { putKvConfig } from './put-kv-config.ts'
import { queryDataVersion } from './query-data-version.ts'
import { registerBroker } from './register-broker.ts'
import { registerTopicInNamesrv } from './register-topic-in-namesrv.ts'
import { unregisterBroker } from './unregister-broker.ts'
import { updateNamesrvConfig } from './update-namesrv-config.ts'
import { wipeWritePermOfBroker } from './wipe-write-perm-of-broker.ts'

/** One handler for each request that a name server answers: the compiler asks for those that are missing. */
export const nameserverHandlers = {
  addWritePermOfBroker,
  brokerHeartbeat,
  deleteKvConfig,
  deleteTopicInNamesrv,
  getAllTopicListFromNameserver,
  getBrokerClusterInfo,
  getBrokerMemberGroup,
  getHasUnitSubTopicList,
  getHasUnitSubUnunitTopicList,
  getKvConfig,
  getKvlistByNamespace,
  getNamesrvConfig,
  getRouteinfoByTopic,
  getSystemTopicListFromNs,
  getTopicsByCluster,
  getUnitTopicList,
  putKvConfig,
  queryDataVersion,
  registerBroker,
  registerTopicInNamesrv,
  unregisterBroker,
  updateNamesrvConfig,
  wipeWritePermOfBroker,
} satisfies { [Name in keyof NameserverRequests]: Handler<Name> }
