import { consumerRunningInfo } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_CONSUMER_RUNNING_INFO: what a consumer is doing; the broker asks the client on. */
export const getConsumerRunningInfo = request({
  code: 307,
  header: { consumerGroup: f.string(), clientId: f.string(), jstackEnable: f.bool().default(false) },
  replyBody: consumerRunningInfo,
})
