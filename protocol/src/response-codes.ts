/**
 * All that an answer can say (ResponseCode.java, RemotingSysResponseCode.java of 5.5.0). `retry` tells a producer whether
 * another broker may do better: `other-broker` marks the codes on which Apache's producer tries again
 * (DefaultMQProducer.java#retryResponseCodes).
 */
export const responseCodes = {
  SUCCESS: { code: 0, retry: 'never' },
  SYSTEM_ERROR: { code: 1, retry: 'other-broker' },
  SYSTEM_BUSY: { code: 2, retry: 'other-broker' },
  REQUEST_CODE_NOT_SUPPORTED: { code: 3, retry: 'never' },
  TRANSACTION_FAILED: { code: 4, retry: 'never' },
  FLUSH_DISK_TIMEOUT: { code: 10, retry: 'never' },
  SLAVE_NOT_AVAILABLE: { code: 11, retry: 'never' },
  FLUSH_SLAVE_TIMEOUT: { code: 12, retry: 'never' },
  MESSAGE_ILLEGAL: { code: 13, retry: 'never' },
  SERVICE_NOT_AVAILABLE: { code: 14, retry: 'other-broker' },
  VERSION_NOT_SUPPORTED: { code: 15, retry: 'never' },
  NO_PERMISSION: { code: 16, retry: 'other-broker' },
  TOPIC_NOT_EXIST: { code: 17, retry: 'other-broker' },
  TOPIC_EXIST_ALREADY: { code: 18, retry: 'never' },
  PULL_NOT_FOUND: { code: 19, retry: 'never' },
  PULL_RETRY_IMMEDIATELY: { code: 20, retry: 'never' },
  PULL_OFFSET_MOVED: { code: 21, retry: 'never' },
  QUERY_NOT_FOUND: { code: 22, retry: 'never' },
  SUBSCRIPTION_PARSE_FAILED: { code: 23, retry: 'never' },
  SUBSCRIPTION_NOT_EXIST: { code: 24, retry: 'never' },
  SUBSCRIPTION_NOT_LATEST: { code: 25, retry: 'never' },
  SUBSCRIPTION_GROUP_NOT_EXIST: { code: 26, retry: 'never' },
  FILTER_DATA_NOT_EXIST: { code: 27, retry: 'never' },
  FILTER_DATA_NOT_LATEST: { code: 28, retry: 'never' },
  INVALID_PARAMETER: { code: 29, retry: 'never' },
  TRANSACTION_SHOULD_COMMIT: { code: 200, retry: 'never' },
  TRANSACTION_SHOULD_ROLLBACK: { code: 201, retry: 'never' },
  TRANSACTION_STATE_UNKNOW: { code: 202, retry: 'never' },
  TRANSACTION_STATE_GROUP_WRONG: { code: 203, retry: 'never' },
  NO_BUYER_ID: { code: 204, retry: 'other-broker' },
  NOT_IN_CURRENT_UNIT: { code: 205, retry: 'other-broker' },
  CONSUMER_NOT_ONLINE: { code: 206, retry: 'never' },
  CONSUME_MSG_TIMEOUT: { code: 207, retry: 'never' },
  NO_MESSAGE: { code: 208, retry: 'never' },
  POLLING_FULL: { code: 209, retry: 'never' },
  POLLING_TIMEOUT: { code: 210, retry: 'never' },
  BROKER_NOT_EXIST: { code: 211, retry: 'never' },
  BROKER_DISPATCH_NOT_COMPLETE: { code: 212, retry: 'never' },
  BROADCAST_CONSUMPTION: { code: 213, retry: 'never' },
  FLOW_CONTROL: { code: 215, retry: 'never' },
  NOT_LEADER_FOR_QUEUE: { code: 501, retry: 'never' },
  ILLEGAL_OPERATION: { code: 604, retry: 'never' },
  GO_AWAY: { code: 1500, retry: 'other-broker' },
  CONTROLLER_FENCED_MASTER_EPOCH: { code: 2000, retry: 'never' },
  CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH: { code: 2001, retry: 'never' },
  CONTROLLER_INVALID_MASTER: { code: 2002, retry: 'never' },
  CONTROLLER_INVALID_REPLICAS: { code: 2003, retry: 'never' },
  CONTROLLER_MASTER_NOT_AVAILABLE: { code: 2004, retry: 'never' },
  CONTROLLER_INVALID_REQUEST: { code: 2005, retry: 'never' },
  CONTROLLER_BROKER_NOT_ALIVE: { code: 2006, retry: 'never' },
  CONTROLLER_NOT_LEADER: { code: 2007, retry: 'never' },
  CONTROLLER_BROKER_METADATA_NOT_EXIST: { code: 2008, retry: 'never' },
  CONTROLLER_INVALID_CLEAN_BROKER_METADATA: { code: 2009, retry: 'never' },
  CONTROLLER_BROKER_NEED_TO_BE_REGISTERED: { code: 2010, retry: 'never' },
  CONTROLLER_MASTER_STILL_EXIST: { code: 2011, retry: 'never' },
  CONTROLLER_ELECT_MASTER_FAILED: { code: 2012, retry: 'never' },
  CONTROLLER_ALTER_SYNC_STATE_SET_FAILED: { code: 2013, retry: 'never' },
  CONTROLLER_BROKER_ID_INVALID: { code: 2014, retry: 'never' },
  CONTROLLER_JRAFT_INTERNAL_ERROR: { code: 2015, retry: 'never' },
  CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS: { code: 2016, retry: 'never' },
  LMQ_QUOTA_EXCEEDED: { code: 2017, retry: 'never' },
  LITE_SUBSCRIPTION_QUOTA_EXCEEDED: { code: 2018, retry: 'never' },
  USER_NOT_EXIST: { code: 3001, retry: 'never' },
  POLICY_NOT_EXIST: { code: 3002, retry: 'never' },
  RPC_UNKNOWN: { code: -1000, retry: 'never' },
  RPC_ADDR_IS_NULL: { code: -1002, retry: 'never' },
  RPC_SEND_TO_CHANNEL_FAILED: { code: -1004, retry: 'never' },
  RPC_TIME_OUT: { code: -1006, retry: 'never' },
} as const satisfies Record<string, { code: number; retry: 'never' | 'other-broker' }>

export type ResponseCodeName = keyof typeof responseCodes

const NAMES: ReadonlyMap<number, ResponseCodeName> = new Map(
  Object.entries(responseCodes).map(([name, { code }]) => [code, name as ResponseCodeName]),
)

/** The name of a code that came over the wire; undefined when this table does not have it. */
export function responseCodeName(code: number): ResponseCodeName | undefined {
  return NAMES.get(code)
}
