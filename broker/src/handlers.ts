import { brokerRequests } from '@rocketcluster/protocol'
import { cleanExpiredConsumequeue } from './admin/clean-expired-consumequeue.ts'
import { cleanUnusedTopic } from './admin/clean-unused-topic.ts'
import { cloneGroupOffset } from './admin/clone-group-offset.ts'
import { consumeMessageDirectly } from './admin/consume-message-directly.ts'
import { deleteExpiredCommitlog } from './admin/delete-expired-commitlog.ts'
import { deleteSubscriptiongroup } from './admin/delete-subscriptiongroup.ts'
import { deleteTopicInBroker } from './admin/delete-topic-in-broker.ts'
import { getAllConsumerOffset } from './admin/get-all-consumer-offset.ts'
import { getAllDelayOffset } from './admin/get-all-delay-offset.ts'
import { getAllProducerInfo } from './admin/get-all-producer-info.ts'
import { getAllSubscriptiongroupConfig } from './admin/get-all-subscriptiongroup-config.ts'
import { getAllTopicConfig } from './admin/get-all-topic-config.ts'
import { getBrokerConfig } from './admin/get-broker-config.ts'
import { getBrokerConsumeStats } from './admin/get-broker-consume-stats.ts'
import { getBrokerRuntimeInfo } from './admin/get-broker-runtime-info.ts'
import { getColdDataFlowCtrInfo } from './admin/get-cold-data-flow-ctr-info.ts'
import { getConsumeStats } from './admin/get-consume-stats.ts'
import { getConsumerConnectionList } from './admin/get-consumer-connection-list.ts'
import { getConsumerRunningInfo } from './admin/get-consumer-running-info.ts'
import { getProducerConnectionList } from './admin/get-producer-connection-list.ts'
import { getSubscriptiongroupConfig } from './admin/get-subscriptiongroup-config.ts'
import { getSystemTopicListFromBroker } from './admin/get-system-topic-list-from-broker.ts'
import { getTopicConfig } from './admin/get-topic-config.ts'
import { getTopicStatsInfo } from './admin/get-topic-stats-info.ts'
import { invokeBrokerToGetConsumerStatus } from './admin/invoke-broker-to-get-consumer-status.ts'
import { invokeBrokerToResetOffset } from './admin/invoke-broker-to-reset-offset.ts'
import { queryConsumeQueue } from './admin/query-consume-queue.ts'
import { queryConsumeTimeSpan } from './admin/query-consume-time-span.ts'
import { queryCorrectionOffset } from './admin/query-correction-offset.ts'
import { querySubscriptionByConsumer } from './admin/query-subscription-by-consumer.ts'
import { queryTopicConsumeByWho } from './admin/query-topic-consume-by-who.ts'
import { queryTopicsByConsumer } from './admin/query-topics-by-consumer.ts'
import { updateAndCreateSubscriptiongroup } from './admin/update-and-create-subscriptiongroup.ts'
import { updateAndCreateSubscriptiongroupList } from './admin/update-and-create-subscriptiongroup-list.ts'
import { updateAndCreateTopic } from './admin/update-and-create-topic.ts'
import { updateAndCreateTopicList } from './admin/update-and-create-topic-list.ts'
import { updateAndGetGroupForbidden } from './admin/update-and-get-group-forbidden.ts'
import { updateBrokerConfig } from './admin/update-broker-config.ts'
import { viewBrokerStatsData } from './admin/view-broker-stats-data.ts'
import type { BrokerRequests, Handler } from './handler.ts'
import { checkClientConfig } from './messaging/check-client-config.ts'
import { getConsumerListByGroup } from './messaging/get-consumer-list-by-group.ts'
import { getEarliestMsgStoretime } from './messaging/get-earliest-msg-storetime.ts'
import { getMaxOffset } from './messaging/get-max-offset.ts'
import { getMinOffset } from './messaging/get-min-offset.ts'
import { heartBeat } from './messaging/heart-beat.ts'
import { lockBatchMq } from './messaging/order/lock-batch-mq.ts'
import { unlockBatchMq } from './messaging/order/unlock-batch-mq.ts'
import { ackMessage, batchAckMessage } from './messaging/pop/ack-message.ts'
import { changeMessageInvisibletime } from './messaging/pop/change-message-invisibletime.ts'
import { getAllMessageRequestMode } from './messaging/pop/get-all-message-request-mode.ts'
import { notification } from './messaging/pop/notification.ts'
import { peekMessage } from './messaging/pop/peek-message.ts'
import { pollingInfo } from './messaging/pop/polling-info.ts'
import { popMessage } from './messaging/pop/pop-message.ts'
import { queryAssignment } from './messaging/pop/query-assignment.ts'
import { setMessageRequestMode } from './messaging/pop/set-message-request-mode.ts'
import { pullMessage } from './messaging/pull-message.ts'
import { queryConsumerOffset } from './messaging/query-consumer-offset.ts'
import { queryMessage } from './messaging/query-message.ts'
import { sendReplyMessage, sendReplyMessageV2 } from './messaging/reply/send-reply-message.ts'
import { consumerSendMsgBack } from './messaging/retry/consumer-send-msg-back.ts'
import { searchOffsetByTimestamp } from './messaging/search-offset-by-timestamp.ts'
import { sendBatchMessage, sendMessage, sendMessageV2 } from './messaging/send-message.ts'
import { getTimerCheckPoint } from './messaging/timer/get-timer-check-point.ts'
import { getTimerMetrics } from './messaging/timer/get-timer-metrics.ts'
import { recallMessage } from './messaging/timer/recall-message.ts'
import { endTransaction } from './messaging/transactions/end-transaction.ts'
import { resumeCheckHalfMessage } from './messaging/transactions/resume-check-half-message.ts'
import { unregisterClient } from './messaging/unregister-client.ts'
import { updateConsumerOffset } from './messaging/update-consumer-offset.ts'
import { viewMessageById } from './messaging/view-message-by-id.ts'
import { exchangeBrokerHaInfo } from './replication/exchange-broker-ha-info.ts'
import { getBrokerEpochCache } from './replication/get-broker-epoch-cache.ts'
import { getBrokerHaStatus } from './replication/get-broker-ha-status.ts'
import { refusedOnSlave } from './replication/refuse-on-slave.ts'
import { synchronizeMetadata } from './replication/synchronize-metadata.ts'

/** Every request this broker answers. What is declared in the protocol and missing here is answered with code 3. */
export const brokerHandlers = {
  ackMessage,
  batchAckMessage,
  changeMessageInvisibletime,
  checkClientConfig,
  cleanExpiredConsumequeue,
  cleanUnusedTopic,
  cloneGroupOffset,
  consumeMessageDirectly,
  consumerSendMsgBack,
  deleteExpiredCommitlog,
  deleteSubscriptiongroup,
  deleteTopicInBroker,
  endTransaction,
  exchangeBrokerHaInfo,
  synchronizeMetadata,
  getAllConsumerOffset,
  getAllDelayOffset,
  getAllMessageRequestMode,
  getAllProducerInfo,
  getAllSubscriptiongroupConfig,
  getAllTopicConfig,
  getBrokerConfig,
  getBrokerConsumeStats,
  getBrokerEpochCache,
  getBrokerHaStatus,
  getBrokerRuntimeInfo,
  getColdDataFlowCtrInfo,
  getConsumeStats,
  getConsumerConnectionList,
  getConsumerListByGroup,
  getConsumerRunningInfo,
  getEarliestMsgStoretime,
  getMaxOffset,
  getMinOffset,
  getProducerConnectionList,
  getSubscriptiongroupConfig,
  getSystemTopicListFromBroker,
  getTimerCheckPoint,
  getTimerMetrics,
  getTopicConfig,
  getTopicStatsInfo,
  heartBeat,
  invokeBrokerToGetConsumerStatus,
  invokeBrokerToResetOffset,
  litePullMessage: pullMessage,
  lockBatchMq,
  notification,
  peekMessage,
  pollingInfo,
  popMessage,
  pullMessage,
  queryAssignment,
  queryConsumeQueue,
  queryConsumeTimeSpan,
  queryConsumerOffset,
  queryCorrectionOffset,
  queryMessage,
  querySubscriptionByConsumer,
  queryTopicConsumeByWho,
  queryTopicsByConsumer,
  recallMessage,
  resumeCheckHalfMessage,
  searchOffsetByTimestamp,
  sendBatchMessage,
  sendMessage,
  sendMessageV2,
  sendReplyMessage,
  sendReplyMessageV2,
  setMessageRequestMode,
  unlockBatchMq,
  unregisterClient,
  updateAndCreateSubscriptiongroup,
  updateAndCreateSubscriptiongroupList,
  updateAndCreateTopic,
  updateAndCreateTopicList,
  updateAndGetGroupForbidden,
  updateBrokerConfig,
  updateConsumerOffset,
  viewBrokerStatsData,
  viewMessageById,
} satisfies { [Name in keyof BrokerRequests]?: Handler<Name> }

/** A slave refuses what only its master may change. */
export const slaveHandlers: typeof brokerHandlers = { ...brokerHandlers, ...refusedOnSlave }

/** The declarations of what is handled: what the server decodes. */
export const handledRequests = Object.fromEntries(
  Object.entries(brokerRequests).filter(([name]) => name in brokerHandlers),
) as Pick<BrokerRequests, keyof typeof brokerHandlers>
