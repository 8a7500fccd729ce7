import { f } from '../fields.ts'
import { request } from '../request.ts'

/** UNREGISTER_BROKER: a broker leaves. */
export const unregisterBroker = request({
  code: 104,
  header: { brokerName: f.string(), brokerAddr: f.string(), clusterName: f.string(), brokerId: f.long() },
})
