import { dataVersion } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_DATA_VERSION: does the name server still have my topics? Refreshes the broker's liveness too. */
export const queryDataVersion = request({
  code: 322,
  header: { brokerName: f.string(), brokerAddr: f.string(), clusterName: f.string(), brokerId: f.long() },
  body: dataVersion,
  reply: { changed: f.bool() },
  replyBody: dataVersion,
})
