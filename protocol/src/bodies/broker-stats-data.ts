import { s, type TypeOf } from './shape.ts'

/** BrokerStatsItem.java: sum, per second, and average per call. */
export const brokerStatsItem = s.bean({
  avgpt: s.double().default(0),
  sum: s.long().default(0),
  tps: s.double().default(0),
})
export type BrokerStatsItem = TypeOf<typeof brokerStatsItem>

/** BrokerStatsData.java: the same over a minute, an hour and a day. */
export const brokerStatsData = s.bean({
  statsDay: brokerStatsItem.optional(),
  statsHour: brokerStatsItem.optional(),
  statsMinute: brokerStatsItem.optional(),
})
export type BrokerStatsData = TypeOf<typeof brokerStatsData>
