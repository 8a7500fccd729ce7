import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** VIEW_BROKER_STATS_DATA: one statistic over the last minute, hour and day; what `mqadmin statsAll` adds up. */
export const viewBrokerStatsData: Handler<'viewBrokerStatsData'> = ({ statsName, statsKey }, { recentStats }) => {
  const found = recentStats.find(statsName, statsKey)
  if (!found) throw new ResponseError('SYSTEM_ERROR', `The stats <${statsName}> <${statsKey}> not exist`)
  return { body: found }
}
