import type { RequestDeclaration } from '../request.ts'
import { ackMessage } from './ack-message.ts'
import { addBroker } from './add-broker.ts'
import { addWritePermOfBroker } from './add-write-perm-of-broker.ts'
import { authCreateAcl } from './auth-create-acl.ts'
import { authCreateUser } from './auth-create-user.ts'
import { authDeleteAcl } from './auth-delete-acl.ts'
import { authDeleteUser } from './auth-delete-user.ts'
import { authGetAcl } from './auth-get-acl.ts'
import { authGetUser } from './auth-get-user.ts'
import { authListAcl } from './auth-list-acl.ts'
import { authListUser } from './auth-list-user.ts'
import { authUpdateAcl } from './auth-update-acl.ts'
import { authUpdateUser } from './auth-update-user.ts'
import { batchAckMessage } from './batch-ack-message.ts'
import { brokerHeartbeat } from './broker-heartbeat.ts'
import { changeMessageInvisibletime } from './change-message-invisibletime.ts'
import { checkClientConfig } from './check-client-config.ts'
import { checkRocksdbCqWriteProgress } from './check-rocksdb-cq-write-progress.ts'
import { checkTransactionState } from './check-transaction-state.ts'
import { cleanBrokerData } from './clean-broker-data.ts'
import { cleanExpiredConsumequeue } from './clean-expired-consumequeue.ts'
import { cleanUnusedTopic } from './clean-unused-topic.ts'
import { cloneGroupOffset } from './clone-group-offset.ts'
import { consumeMessageDirectly } from './consume-message-directly.ts'
import { consumerSendMsgBack } from './consumer-send-msg-back.ts'
import { controllerAlterSyncStateSet } from './controller-alter-sync-state-set.ts'
import { controllerApplyBrokerId } from './controller-apply-broker-id.ts'
import { controllerElectMaster } from './controller-elect-master.ts'
import { controllerGetMetadataInfo } from './controller-get-metadata-info.ts'
import { controllerGetNextBrokerId } from './controller-get-next-broker-id.ts'
import { controllerGetReplicaInfo } from './controller-get-replica-info.ts'
import { controllerGetSyncStateData } from './controller-get-sync-state-data.ts'
import { controllerRegisterBroker } from './controller-register-broker.ts'
import { deleteExpiredCommitlog } from './delete-expired-commitlog.ts'
import { deleteKvConfig } from './delete-kv-config.ts'
import { deleteSubscriptiongroup } from './delete-subscriptiongroup.ts'
import { deleteTopicInBroker } from './delete-topic-in-broker.ts'
import { deleteTopicInNamesrv } from './delete-topic-in-namesrv.ts'
import { endTransaction } from './end-transaction.ts'
import { exchangeBrokerHaInfo } from './exchange-broker-ha-info.ts'
import { exportRocksdbConfigToJson } from './export-rocksdb-config-to-json.ts'
import { getAllConsumerOffset } from './get-all-consumer-offset.ts'
import { getAllDelayOffset } from './get-all-delay-offset.ts'
import { getAllMessageRequestMode } from './get-all-message-request-mode.ts'
import { getAllProducerInfo } from './get-all-producer-info.ts'
import { getAllSubscriptiongroupConfig } from './get-all-subscriptiongroup-config.ts'
import { getAllTopicConfig } from './get-all-topic-config.ts'
import { getAllTopicListFromNameserver } from './get-all-topic-list-from-nameserver.ts'
import { getBrokerClusterInfo } from './get-broker-cluster-info.ts'
import { getBrokerConfig } from './get-broker-config.ts'
import { getBrokerConsumeStats } from './get-broker-consume-stats.ts'
import { getBrokerEpochCache } from './get-broker-epoch-cache.ts'
import { getBrokerHaStatus } from './get-broker-ha-status.ts'
import { getBrokerMemberGroup } from './get-broker-member-group.ts'
import { getBrokerRuntimeInfo } from './get-broker-runtime-info.ts'
import { getColdDataFlowCtrInfo } from './get-cold-data-flow-ctr-info.ts'
import { getConsumeStats } from './get-consume-stats.ts'
import { getConsumerConnectionList } from './get-consumer-connection-list.ts'
import { getConsumerListByGroup } from './get-consumer-list-by-group.ts'
import { getConsumerRunningInfo } from './get-consumer-running-info.ts'
import { getConsumerStatusFromClient } from './get-consumer-status-from-client.ts'
import { getControllerConfig } from './get-controller-config.ts'
import { getEarliestMsgStoretime } from './get-earliest-msg-storetime.ts'
import { getHasUnitSubTopicList } from './get-has-unit-sub-topic-list.ts'
import { getHasUnitSubUnunitTopicList } from './get-has-unit-sub-ununit-topic-list.ts'
import { getKvConfig } from './get-kv-config.ts'
import { getKvlistByNamespace } from './get-kvlist-by-namespace.ts'
import { getMaxOffset } from './get-max-offset.ts'
import { getMinOffset } from './get-min-offset.ts'
import { getNamesrvConfig } from './get-namesrv-config.ts'
import { getProducerConnectionList } from './get-producer-connection-list.ts'
import { getRouteinfoByTopic } from './get-routeinfo-by-topic.ts'
import { getSubscriptiongroupConfig } from './get-subscriptiongroup-config.ts'
import { getSystemTopicListFromBroker } from './get-system-topic-list-from-broker.ts'
import { getSystemTopicListFromNs } from './get-system-topic-list-from-ns.ts'
import { getTimerCheckPoint } from './get-timer-check-point.ts'
import { getTimerMetrics } from './get-timer-metrics.ts'
import { getTopicConfig } from './get-topic-config.ts'
import { getTopicStatsInfo } from './get-topic-stats-info.ts'
import { getTopicsByCluster } from './get-topics-by-cluster.ts'
import { getUnitTopicList } from './get-unit-topic-list.ts'
import { heartBeat } from './heart-beat.ts'
import { invokeBrokerToGetConsumerStatus } from './invoke-broker-to-get-consumer-status.ts'
import { invokeBrokerToResetOffset } from './invoke-broker-to-reset-offset.ts'
import { litePullMessage } from './lite-pull-message.ts'
import { lockBatchMq } from './lock-batch-mq.ts'
import { notification } from './notification.ts'
import { notifyBrokerRoleChanged } from './notify-broker-role-changed.ts'
import { notifyConsumerIdsChanged } from './notify-consumer-ids-changed.ts'
import { notifyMinBrokerIdChange } from './notify-min-broker-id-change.ts'
import { peekMessage } from './peek-message.ts'
import { pollingInfo } from './polling-info.ts'
import { popMessage } from './pop-message.ts'
import { popRollback } from './pop-rollback.ts'
import { pullMessage } from './pull-message.ts'
import { pushReplyMessageToClient } from './push-reply-message-to-client.ts'
import { putKvConfig } from './put-kv-config.ts'
import { queryAssignment } from './query-assignment.ts'
import { queryConsumeQueue } from './query-consume-queue.ts'
import { queryConsumeTimeSpan } from './query-consume-time-span.ts'
import { queryConsumerOffset } from './query-consumer-offset.ts'
import { queryCorrectionOffset } from './query-correction-offset.ts'
import { queryDataVersion } from './query-data-version.ts'
import { queryMessage } from './query-message.ts'
import { querySubscriptionByConsumer } from './query-subscription-by-consumer.ts'
import { queryTopicConsumeByWho } from './query-topic-consume-by-who.ts'
import { queryTopicsByConsumer } from './query-topics-by-consumer.ts'
import { recallMessage } from './recall-message.ts'
import { registerBroker } from './register-broker.ts'
import { registerTopicInNamesrv } from './register-topic-in-namesrv.ts'
import { removeBroker } from './remove-broker.ts'
import { removeColdDataFlowCtrConfig } from './remove-cold-data-flow-ctr-config.ts'
import { resetConsumerClientOffset } from './reset-consumer-client-offset.ts'
import { resetMasterFlushOffset } from './reset-master-flush-offset.ts'
import { resumeCheckHalfMessage } from './resume-check-half-message.ts'
import { searchOffsetByTimestamp } from './search-offset-by-timestamp.ts'
import { sendBatchMessage } from './send-batch-message.ts'
import { sendMessage } from './send-message.ts'
import { sendMessageV2 } from './send-message-v2.ts'
import { sendReplyMessage } from './send-reply-message.ts'
import { sendReplyMessageV2 } from './send-reply-message-v2.ts'
import { setCommitlogReadMode } from './set-commitlog-read-mode.ts'
import { setMessageRequestMode } from './set-message-request-mode.ts'
import { synchronizeMetadata } from './synchronize-metadata.ts'
import { unlockBatchMq } from './unlock-batch-mq.ts'
import { unregisterBroker } from './unregister-broker.ts'
import { unregisterClient } from './unregister-client.ts'
import { updateAndCreateStaticTopic } from './update-and-create-static-topic.ts'
import { updateAndCreateSubscriptiongroup } from './update-and-create-subscriptiongroup.ts'
import { updateAndCreateSubscriptiongroupList } from './update-and-create-subscriptiongroup-list.ts'
import { updateAndCreateTopic } from './update-and-create-topic.ts'
import { updateAndCreateTopicList } from './update-and-create-topic-list.ts'
import { updateAndGetGroupForbidden } from './update-and-get-group-forbidden.ts'
import { updateBrokerConfig } from './update-broker-config.ts'
import { updateColdDataFlowCtrConfig } from './update-cold-data-flow-ctr-config.ts'
import { updateConsumerOffset } from './update-consumer-offset.ts'
import { updateControllerConfig } from './update-controller-config.ts'
import { updateNamesrvConfig } from './update-namesrv-config.ts'
import { viewBrokerStatsData } from './view-broker-stats-data.ts'
import { viewMessageById } from './view-message-by-id.ts'
import { wipeWritePermOfBroker } from './wipe-write-perm-of-broker.ts'

export type { BoundaryType } from './common/boundary-type.ts'
export type { CheckRocksdbCqWriteResult } from './common/check-rocksdb-cq-write-result.ts'
export type { TopicConfigAndQueueMapping } from './common/topic-config-and-queue-mapping.ts'
export { printVersion } from './common/unless-version.ts'

export {
  ackMessage,
  addBroker,
  addWritePermOfBroker,
  authCreateAcl,
  authCreateUser,
  authDeleteAcl,
  authDeleteUser,
  authGetAcl,
  authGetUser,
  authListAcl,
  authListUser,
  authUpdateAcl,
  authUpdateUser,
  batchAckMessage,
  brokerHeartbeat,
  changeMessageInvisibletime,
  checkClientConfig,
  checkRocksdbCqWriteProgress,
  checkTransactionState,
  cleanBrokerData,
  cleanExpiredConsumequeue,
  cleanUnusedTopic,
  cloneGroupOffset,
  consumeMessageDirectly,
  consumerSendMsgBack,
  controllerAlterSyncStateSet,
  controllerApplyBrokerId,
  controllerElectMaster,
  controllerGetMetadataInfo,
  controllerGetNextBrokerId,
  controllerGetReplicaInfo,
  controllerGetSyncStateData,
  controllerRegisterBroker,
  deleteExpiredCommitlog,
  deleteKvConfig,
  deleteSubscriptiongroup,
  deleteTopicInBroker,
  deleteTopicInNamesrv,
  endTransaction,
  exchangeBrokerHaInfo,
  exportRocksdbConfigToJson,
  getAllConsumerOffset,
  getAllDelayOffset,
  getAllMessageRequestMode,
  getAllProducerInfo,
  getAllSubscriptiongroupConfig,
  getAllTopicConfig,
  getAllTopicListFromNameserver,
  getBrokerClusterInfo,
  getBrokerConfig,
  getBrokerConsumeStats,
  getBrokerEpochCache,
  getBrokerHaStatus,
  getBrokerMemberGroup,
  getBrokerRuntimeInfo,
  getColdDataFlowCtrInfo,
  getConsumerConnectionList,
  getConsumerListByGroup,
  getConsumerRunningInfo,
  getConsumerStatusFromClient,
  getConsumeStats,
  getControllerConfig,
  getEarliestMsgStoretime,
  getHasUnitSubTopicList,
  getHasUnitSubUnunitTopicList,
  getKvConfig,
  getKvlistByNamespace,
  getMaxOffset,
  getMinOffset,
  getNamesrvConfig,
  getProducerConnectionList,
  getRouteinfoByTopic,
  getSubscriptiongroupConfig,
  getSystemTopicListFromBroker,
  getSystemTopicListFromNs,
  getTimerCheckPoint,
  getTimerMetrics,
  getTopicConfig,
  getTopicStatsInfo,
  getTopicsByCluster,
  getUnitTopicList,
  heartBeat,
  invokeBrokerToGetConsumerStatus,
  invokeBrokerToResetOffset,
  litePullMessage,
  lockBatchMq,
  notification,
  notifyBrokerRoleChanged,
  notifyConsumerIdsChanged,
  notifyMinBrokerIdChange,
  peekMessage,
  pollingInfo,
  popMessage,
  popRollback,
  pullMessage,
  pushReplyMessageToClient,
  putKvConfig,
  queryAssignment,
  queryConsumeQueue,
  queryConsumerOffset,
  queryConsumeTimeSpan,
  queryCorrectionOffset,
  queryDataVersion,
  queryMessage,
  querySubscriptionByConsumer,
  queryTopicConsumeByWho,
  queryTopicsByConsumer,
  recallMessage,
  registerBroker,
  registerTopicInNamesrv,
  removeBroker,
  removeColdDataFlowCtrConfig,
  resetConsumerClientOffset,
  resetMasterFlushOffset,
  resumeCheckHalfMessage,
  searchOffsetByTimestamp,
  sendBatchMessage,
  sendMessage,
  sendMessageV2,
  sendReplyMessage,
  sendReplyMessageV2,
  setCommitlogReadMode,
  setMessageRequestMode,
  synchronizeMetadata,
  unlockBatchMq,
  unregisterBroker,
  unregisterClient,
  updateAndCreateStaticTopic,
  updateAndCreateSubscriptiongroup,
  updateAndCreateSubscriptiongroupList,
  updateAndCreateTopic,
  updateAndCreateTopicList,
  updateAndGetGroupForbidden,
  updateBrokerConfig,
  updateColdDataFlowCtrConfig,
  updateConsumerOffset,
  updateControllerConfig,
  updateNamesrvConfig,
  viewBrokerStatsData,
  viewMessageById,
  wipeWritePermOfBroker,
}

/** What a broker answers: to clients, to administrators, to name servers, controllers and brokers of its group. */
export const brokerRequests = {
  sendMessage,
  sendMessageV2,
  sendBatchMessage,
  sendReplyMessage,
  sendReplyMessageV2,
  pullMessage,
  litePullMessage,
  queryMessage,
  queryConsumerOffset,
  updateConsumerOffset,
  updateAndCreateTopic,
  updateAndCreateTopicList,
  getAllTopicConfig,
  updateBrokerConfig,
  getBrokerConfig,
  getBrokerRuntimeInfo,
  searchOffsetByTimestamp,
  getMaxOffset,
  getMinOffset,
  getEarliestMsgStoretime,
  viewMessageById,
  heartBeat,
  unregisterClient,
  consumerSendMsgBack,
  endTransaction,
  getConsumerListByGroup,
  lockBatchMq,
  unlockBatchMq,
  getAllConsumerOffset,
  getAllDelayOffset,
  checkClientConfig,
  getTimerCheckPoint,
  getTimerMetrics,
  updateAndCreateSubscriptiongroup,
  getAllSubscriptiongroupConfig,
  getTopicStatsInfo,
  getConsumerConnectionList,
  getProducerConnectionList,
  deleteSubscriptiongroup,
  getConsumeStats,
  deleteTopicInBroker,
  invokeBrokerToResetOffset,
  invokeBrokerToGetConsumerStatus,
  updateAndCreateSubscriptiongroupList,
  queryTopicConsumeByWho,
  queryConsumeTimeSpan,
  getSystemTopicListFromBroker,
  cleanExpiredConsumequeue,
  getConsumerRunningInfo,
  queryCorrectionOffset,
  consumeMessageDirectly,
  cloneGroupOffset,
  viewBrokerStatsData,
  cleanUnusedTopic,
  getBrokerConsumeStats,
  queryConsumeQueue,
  resumeCheckHalfMessage,
  getAllProducerInfo,
  deleteExpiredCommitlog,
  queryTopicsByConsumer,
  querySubscriptionByConsumer,
  getTopicConfig,
  getSubscriptiongroupConfig,
  updateAndGetGroupForbidden,
  checkRocksdbCqWriteProgress,
  exportRocksdbConfigToJson,
  recallMessage,
  queryAssignment,
  setMessageRequestMode,
  getAllMessageRequestMode,
  updateAndCreateStaticTopic,
  addBroker,
  removeBroker,
  notifyMinBrokerIdChange,
  exchangeBrokerHaInfo,
  synchronizeMetadata,
  getBrokerHaStatus,
  resetMasterFlushOffset,
  getBrokerEpochCache,
  notifyBrokerRoleChanged,
  updateColdDataFlowCtrConfig,
  removeColdDataFlowCtrConfig,
  getColdDataFlowCtrInfo,
  setCommitlogReadMode,
  authCreateUser,
  authUpdateUser,
  authDeleteUser,
  authGetUser,
  authListUser,
  authCreateAcl,
  authUpdateAcl,
  authDeleteAcl,
  authGetAcl,
  authListAcl,
  popMessage,
  ackMessage,
  batchAckMessage,
  peekMessage,
  changeMessageInvisibletime,
  notification,
  pollingInfo,
  popRollback,
} as const

/** What a name server answers. */
export const nameserverRequests = {
  putKvConfig,
  getKvConfig,
  deleteKvConfig,
  registerBroker,
  unregisterBroker,
  getRouteinfoByTopic,
  getBrokerClusterInfo,
  wipeWritePermOfBroker,
  getAllTopicListFromNameserver,
  deleteTopicInNamesrv,
  registerTopicInNamesrv,
  getKvlistByNamespace,
  getTopicsByCluster,
  getSystemTopicListFromNs,
  getUnitTopicList,
  getHasUnitSubTopicList,
  getHasUnitSubUnunitTopicList,
  updateNamesrvConfig,
  getNamesrvConfig,
  queryDataVersion,
  addWritePermOfBroker,
  getBrokerMemberGroup,
  brokerHeartbeat,
} as const

/** What a broker sends to clients over the connections that they opened. */
export const clientRequests = {
  pushReplyMessageToClient,
  checkTransactionState,
  notifyConsumerIdsChanged,
  resetConsumerClientOffset,
  getConsumerStatusFromClient,
  getConsumerRunningInfo,
  consumeMessageDirectly,
} as const

/** What a controller answers. */
export const controllerRequests = {
  brokerHeartbeat,
  controllerAlterSyncStateSet,
  controllerElectMaster,
  controllerRegisterBroker,
  controllerGetReplicaInfo,
  controllerGetMetadataInfo,
  controllerGetSyncStateData,
  updateControllerConfig,
  getControllerConfig,
  cleanBrokerData,
  controllerGetNextBrokerId,
  controllerApplyBrokerId,
} as const

/** A set of requests by name, as a server's handlers are keyed. */
export type Requests = Readonly<Record<string, RequestDeclaration<any, any, any, any>>>

/** A set by request code: what a server looks into with the code of a frame. */
export function requestsByCode(requests: Requests): ReadonlyMap<number, { name: string; request: Requests[string] }> {
  return new Map(Object.entries(requests).map(([name, request]) => [request.code, { name, request }]))
}

/** Every request that has a declaration, by its code (RequestCode.java). */
export const requestByCode = requestsByCode({
  ...brokerRequests,
  ...nameserverRequests,
  ...clientRequests,
  ...controllerRequests,
})
