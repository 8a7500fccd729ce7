import type { Handler } from '../handler.ts'
import { runtimeInfo } from '../runtime-info.ts'

/** GET_BROKER_RUNTIME_INFO: the table behind `mqadmin brokerStatus`, `clusterList` and the dashboards. */
export const getBrokerRuntimeInfo: Handler<'getBrokerRuntimeInfo'> = async (_header, context) => ({
  body: { table: await runtimeInfo(context) },
})
