import { brokerRequests } from '@rocketcluster/protocol'
import { cloneGroupOffset } from './admin/clone-group-offset.ts'
import { consumeMessageDirectly } from './admin/consume-message-directly.ts'
import { deleteExpiredCommitlog } from './admin/delete-expired-commitlog.ts'
import { deleteSubscriptiongroup } from './admin/delete-subscriptiongroup.ts'
import { deleteTopicInBroker } from './admin/delete-topic-in-broker.ts'
import { getAllConsumerOffset } from './admin/get-all-consumer-offset.ts'
import { getAllProducerInfo } from './admin/get-all-producer-info.ts'
import { getAllSubscriptiongroupConfig } from './admin/get-all-subscriptiongroup-config.ts'
import { getAllTopicConfig } from './admin/get-all-topic-config.ts'
import { getBrokerConfig } from './admin/get-broker-config.ts'
import { getBrokerRuntimeInfo } from './admin/get-broker-runtime-info.ts'
import { getConsumeStats } from './admin/get-consume-stats.ts'
import { getConsumerConnectionList } from './admin/get-consumer-connection-list.ts'
import { getConsumerRunningInfo } from './admin/get-consumer-running-info.ts'
import { getProducerConnectionList } from './admin/get-producer-connection-list.ts'
import { getSubscriptiongroupConfig } from './admin/get-subscriptiongroup-config.ts'
import { getSystemTopicListFromBroker } from './admin/get-system-topic-list-from-broker.ts'
import { getTopicConfig } from './admin/get-topic-config.ts'
import { getTopicStatsInfo } from './admin/get-topic-stats-info.ts'
import { invokeBrokerToResetOffset } from './admin/invoke-broker-to-reset-offset.ts'
import { querySubscriptionByConsumer } from './admin/query-subscription-by-consumer.ts'
import { queryTopicConsumeByWho } from './admin/query-topic-consume-by-who.ts'
import { queryTopicsByConsumer } from './admin/query-topics-by-consumer.ts'
import { updateAndCreateSubscriptiongroup } from './admin/update-and-create-subscriptiongroup.ts'
import { updateAndCreateTopic } from './admin/update-and-create-topic.ts'
import { updateBrokerConfig } from './admin/update-broker-config.ts'
import type { BrokerRequests, Handler } from './handler.ts'
import { checkClientConfig } from './messaging/check-client-config.ts'
import { getConsumerListByGroup } from './messaging/get-consumer-list-by-group.ts'
import { getEarliestMsgStoretime } from './messaging/get-earliest-msg-storetime.ts'
import { getMaxOffset } from './messaging/get-max-offset.ts'
import { getMinOffset } from './messaging/get-min-offset.ts'
import { heartBeat } from './messaging/heart-beat.ts'
import { pullMessage } from './messaging/pull-message.ts'
import { queryConsumerOffset } from './messaging/query-consumer-offset.ts'
import { queryMessage } from './messaging/query-message.ts'
import { searchOffsetByTimestamp } from './messaging/search-offset-by-timestamp.ts'
import { sendBatchMessage, sendMessage, sendMessageV2 } from './messaging/send-message.ts'
import { unregisterClient } from './messaging/unregister-client.ts'
import { updateConsumerOffset } from './messaging/update-consumer-offset.ts'
import { viewMessageById } from './messaging/view-message-by-id.ts'

/** Every request this broker answers. What is declared in the protocol and missing here is answered with code 3. */
export const brokerHandlers = {
  checkClientConfig,
  cloneGroupOffset,
  consumeMessageDirectly,
  deleteExpiredCommitlog,
  deleteSubscriptiongroup,
  deleteTopicInBroker,
  getAllConsumerOffset,
  getAllProducerInfo,
  getAllSubscriptiongroupConfig,
  getAllTopicConfig,
  getBrokerConfig,
  getBrokerRuntimeInfo,
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
  getTopicConfig,
  getTopicStatsInfo,
  heartBeat,
  invokeBrokerToResetOffset,
  litePullMessage: pullMessage,
  pullMessage,
  queryConsumerOffset,
  queryMessage,
  querySubscriptionByConsumer,
  queryTopicConsumeByWho,
  queryTopicsByConsumer,
  searchOffsetByTimestamp,
  sendBatchMessage,
  sendMessage,
  sendMessageV2,
  unregisterClient,
  updateAndCreateSubscriptiongroup,
  updateAndCreateTopic,
  updateBrokerConfig,
  updateConsumerOffset,
  viewMessageById,
} satisfies { [Name in keyof BrokerRequests]?: Handler<Name> }

/** The declarations of what is handled: what the server decodes. */
export const handledRequests = Object.fromEntries(
  Object.entries(brokerRequests).filter(([name]) => name in brokerHandlers),
) as Pick<BrokerRequests, keyof typeof brokerHandlers>
