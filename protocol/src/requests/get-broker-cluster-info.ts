import { clusterInfo } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_BROKER_CLUSTER_INFO: all brokers by cluster. */
export const getBrokerClusterInfo = request({
  code: 106,
  replyBody: clusterInfo,
})
