import { dataVersion } from './data-version.ts'
import { s, type TypeOf, table } from './shape.ts'

const metric = s.bean({ count: s.long().default(0), timeStamp: s.long().default(0) })

/** TimerMetrics.TimerMetricsSerializeWrapper: config/timermetrics, messages waiting by topic. */
export const timerMetrics = s.bean({ dataVersion: dataVersion.optional(), timingCount: table(metric) })
export type TimerMetrics = TypeOf<typeof timerMetrics>

/** TransactionMetrics.TransactionMetricsSerializeWrapper: config/transactionMetrics. */
export const transactionMetrics = s.bean({ dataVersion: dataVersion.optional(), transactionCount: table(metric) })
export type TransactionMetrics = TypeOf<typeof transactionMetrics>
