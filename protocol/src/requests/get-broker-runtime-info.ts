import { kvTable } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_BROKER_RUNTIME_INFO: counters and state of a broker by name. */
export const getBrokerRuntimeInfo = request({
  code: 28,
  replyBody: kvTable,
})
