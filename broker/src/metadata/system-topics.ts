import {
  AUTO_CREATE_TOPIC_KEY_TOPIC,
  BENCHMARK_TOPIC,
  isSystemTopic as isProtocolTopic,
  OFFSET_MOVED_EVENT,
  REPLY_TOPIC_POSTFIX,
  SCHEDULE_TOPIC,
  SELF_TEST_TOPIC,
  SYSTEM_TOPIC_PREFIX,
  type TopicConfig,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
} from '@rocketcluster/protocol'

/** PermName.java: bits of a topic's or broker's permission. */
export const PERM_READ = 4
export const PERM_WRITE = 2
/** Other topics may be created after this one's example. */
export const PERM_INHERIT = 1

/** A topic's settings together with its name, which the wire form may leave out. */
export type NamedTopic = TopicConfig & { readonly topicName: string }

export interface SystemTopicOptions {
  readonly brokerClusterName: string
  readonly brokerName: string
  readonly autoCreateTopicEnable: boolean
  readonly clusterTopicEnable: boolean
  readonly brokerTopicEnable: boolean
  readonly defaultTopicQueueNums: number
  readonly traceTopicEnable: boolean
  readonly msgTraceTopicName: string
}

export function topicConfig(topicName: string, queues: number, perm = PERM_READ | PERM_WRITE): NamedTopic {
  return {
    topicName,
    readQueueNums: queues,
    writeQueueNums: queues,
    perm,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: new Map(),
  }
}

/** The topics every broker has from its first start (TopicConfigManager.java#init; numbers of queues as there). */
export function systemTopics(options: SystemTopicOptions): NamedTopic[] {
  const { brokerClusterName: cluster, brokerName } = options
  const readWrite = PERM_READ | PERM_WRITE
  const inherit = readWrite | PERM_INHERIT
  return [
    topicConfig(SELF_TEST_TOPIC, 1),
    ...(options.autoCreateTopicEnable
      ? [topicConfig(AUTO_CREATE_TOPIC_KEY_TOPIC, options.defaultTopicQueueNums, inherit)]
      : []),
    topicConfig(BENCHMARK_TOPIC, 1024),
    topicConfig(cluster, 16, options.clusterTopicEnable ? inherit : PERM_INHERIT),
    topicConfig(brokerName, 1, options.brokerTopicEnable ? inherit : PERM_INHERIT),
    topicConfig(OFFSET_MOVED_EVENT, 1),
    topicConfig(SCHEDULE_TOPIC, 18),
    ...(options.traceTopicEnable ? [topicConfig(options.msgTraceTopicName, 1)] : []),
    topicConfig(`${cluster}_${REPLY_TOPIC_POSTFIX}`, 1),
    topicConfig(`${SYSTEM_TOPIC_PREFIX}REVIVE_LOG_${cluster}`, 8),
    topicConfig(`${SYSTEM_TOPIC_PREFIX}SYNC_BROKER_MEMBER_${brokerName}`, 1, PERM_INHERIT),
    topicConfig(TRANS_HALF_TOPIC, 1),
    topicConfig(TRANS_OP_HALF_TOPIC, 1),
    topicConfig(`${SYSTEM_TOPIC_PREFIX}wheel_timer`, 1),
  ]
}

/** System topics cannot be changed or deleted by tools; beside the protocol's own there are this broker's. */
export function isSystemTopic(topic: string, options: SystemTopicOptions): boolean {
  return isProtocolTopic(topic) || systemTopics(options).some(system => system.topicName === topic)
}
