import { items, s, type TypeOf } from './shape.ts'
import { topicQueueMappingInfo } from './topic-queue-mapping.ts'

/** BrokerData.java: a broker group and the address of each of its live members, by broker id. */
export const brokerData = s.bean({
  brokerAddrs: s.map(s.long(), s.string()).default(() => new Map()),
  brokerName: s.string(),
  cluster: s.string().optional(),
  enableActingMaster: s.bool().default(false),
  zoneName: s.string().optional(),
})
export type BrokerData = TypeOf<typeof brokerData>

/** QueueData.java: a topic's queues in one broker group. 4.8.0 and older wrote `topicSynFlag`. */
export const queueData = s.bean({
  brokerName: s.string(),
  perm: s.int().default(0),
  readQueueNums: s.int().default(0),
  topicSysFlag: s.int().alias('topicSynFlag').default(0),
  writeQueueNums: s.int().default(0),
})
export type QueueData = TypeOf<typeof queueData>

/**
 * TopicRouteData.java. `encode` writes fastjson's dialect (`{0:"ip:port"}`), `encodeStandard` the JSON that clients from
 * 4.9.4 on, and those that send acceptStandardJsonOnly, are given.
 */
export const topicRouteData = s.bean({
  brokerDatas: items(brokerData),
  filterServerTable: s.map(s.string(), s.list(s.string())).default(() => new Map()),
  /** `brokerA:4;brokerB:4` */
  orderTopicConf: s.string().optional(),
  queueDatas: items(queueData),
  topicQueueMappingByBroker: s.map(s.string(), topicQueueMappingInfo).optional(),
})
export type TopicRouteData = TypeOf<typeof topicRouteData>
