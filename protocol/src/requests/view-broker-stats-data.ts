import { brokerStatsData } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** VIEW_BROKER_STATS_DATA: one statistic over the last minute, hour and day. */
export const viewBrokerStatsData = request({
  code: 315,
  header: { statsName: f.string(), statsKey: f.string() },
  replyBody: brokerStatsData,
})
