import { FieldError } from '../errors.ts'

/** TopicValidator.java */
export const MAX_TOPIC_LENGTH = 127
/** Retry and dead-letter topics carry a group's name behind their prefix. */
export const MAX_RETRY_TOPIC_LENGTH = 255
/** TopicValidator.java, Validators.java */
export const MAX_GROUP_LENGTH = 120

export const RETRY_PREFIX = '%RETRY%'
export const DLQ_PREFIX = '%DLQ%'
export const LMQ_PREFIX = '%LMQ%'
export const SYSTEM_TOPIC_PREFIX = 'rmq_sys_'
export const SYSTEM_GROUP_PREFIX = 'CID_RMQ_SYS_'
/** The topic whose configuration new topics inherit (TopicValidator.java AUTO_CREATE_TOPIC_KEY_TOPIC). */
export const AUTO_CREATE_TOPIC_KEY_TOPIC = 'TBW102'
export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'
export const TRANS_HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC'
export const TRANS_OP_HALF_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC'
export const ROCKSDB_TRANS_HALF_TOPIC = 'RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC'
export const ROCKSDB_TRANS_OP_HALF_TOPIC = 'RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC'
export const TRANS_CHECK_MAX_TIME_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC'
export const TRACE_TOPIC = 'RMQ_SYS_TRACE_TOPIC'
export const BENCHMARK_TOPIC = 'BenchmarkTest'
export const SELF_TEST_TOPIC = 'SELF_TEST_TOPIC'
export const OFFSET_MOVED_EVENT = 'OFFSET_MOVED_EVENT'
export const ROCKSDB_OFFSET_TOPIC = 'CHECKPOINT_TOPIC'
/** Suffix of a cluster's topic for replies (MixAll.java#getReplyTopic). */
export const REPLY_TOPIC_POSTFIX = 'REPLY_TOPIC'

/** Topics that are RocketMQ's own (TopicValidator.java SYSTEM_TOPIC_SET). */
export const systemTopics: ReadonlySet<string> = new Set([
  AUTO_CREATE_TOPIC_KEY_TOPIC,
  SCHEDULE_TOPIC,
  BENCHMARK_TOPIC,
  TRANS_HALF_TOPIC,
  TRACE_TOPIC,
  TRANS_OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_EVENT,
  ROCKSDB_OFFSET_TOPIC,
  ROCKSDB_TRANS_HALF_TOPIC,
  ROCKSDB_TRANS_OP_HALF_TOPIC,
])

/** Topics that clients may not send to (TopicValidator.java NOT_ALLOWED_SEND_TOPIC_SET). */
export const notAllowedSendTopics: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  TRANS_HALF_TOPIC,
  TRANS_OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  SELF_TEST_TOPIC,
  OFFSET_MOVED_EVENT,
  ROCKSDB_TRANS_HALF_TOPIC,
  ROCKSDB_TRANS_OP_HALF_TOPIC,
])

/** Groups that are RocketMQ's own (MixAll.java PREDEFINE_GROUP_SET), besides those with the system prefix. */
export const predefinedGroups: ReadonlySet<string> = new Set([
  'DEFAULT_CONSUMER',
  'DEFAULT_PRODUCER',
  'TOOLS_CONSUMER',
  'SCHEDULE_CONSUMER',
  'FILTERSRV_CONSUMER',
  '__MONITOR_CONSUMER',
  'CLIENT_INNER_PRODUCER',
  'SELF_TEST_P_GROUP',
  'SELF_TEST_C_GROUP',
  'CID_ONS-HTTP-PROXY',
  'CID_ONSAPI_PERMISSION',
  'CID_ONSAPI_OWNER',
  'CID_ONSAPI_PULL',
])

const ALLOWED = /^[%|a-zA-Z0-9_-]+$/
const ALLOWED_SENTENCE = 'only letters, digits, "%", "|", "_" and "-" are allowed'

export const isRetryTopic = (topic: string): boolean => topic.startsWith(RETRY_PREFIX)
export const isDlqTopic = (topic: string): boolean => topic.startsWith(DLQ_PREFIX)
export const isLmqTopic = (topic: string): boolean => topic.startsWith(LMQ_PREFIX)
export const isSystemTopic = (topic: string): boolean =>
  systemTopics.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX)
export const isSystemGroup = (group: string): boolean => group.startsWith(SYSTEM_GROUP_PREFIX)

/** The topic that holds messages which `group` will be given again. */
export const retryTopic = (group: string): string => RETRY_PREFIX + group
/** The topic that holds messages which `group` has failed for the last time. */
export const dlqTopic = (group: string): string => DLQ_PREFIX + group
/** A pop consumer's retry topic, of one source topic: `_` between the two is version 1, `+` version 2 (KeyBuilder.java). */
export const popRetryTopic = (group: string, topic: string, version: 1 | 2 = 1): string =>
  `${RETRY_PREFIX}${group}${version === 1 ? '_' : '+'}${topic}`

const shown = (value: string) => JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)

function nameProblem(value: string, maxLength: number): string | undefined {
  if (value.trim() === '') return `${shown(value)} is blank`
  if (value.length > maxLength) return `${shown(value)} is ${value.length} characters long, ${maxLength} are allowed`
  if (!ALLOWED.test(value)) return `${shown(value)} contains illegal characters: ${ALLOWED_SENTENCE}`
  return undefined
}

/** Why `topic` is no topic's name, or undefined: TopicValidator.java#validateTopic, which looks at no list of names. */
export function topicProblem(topic: string): string | undefined {
  return nameProblem(topic, isRetryTopic(topic) || isDlqTopic(topic) ? MAX_RETRY_TOPIC_LENGTH : MAX_TOPIC_LENGTH)
}

/** Why `group` is no group's name, or undefined (TopicValidator.java#validateGroup). */
export function groupProblem(group: string): string | undefined {
  return nameProblem(group, MAX_GROUP_LENGTH)
}

/** Throws FieldError('topic', …) naming the value and what is allowed. */
export function validateTopic(topic: string, field = 'topic'): void {
  const problem = topicProblem(topic)
  if (problem) throw new FieldError(field, problem)
}

/** Throws FieldError('group', …) naming the value and what is allowed. */
export function validateGroup(group: string, field = 'group'): void {
  const problem = groupProblem(group)
  if (problem) throw new FieldError(field, problem)
}
