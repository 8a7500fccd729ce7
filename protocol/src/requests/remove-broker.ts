import { f } from '../fields.ts'
import { request } from '../request.ts'

/** REMOVE_BROKER: has a broker container stop a broker. */
export const removeBroker = request({
  code: 903,
  header: { brokerName: f.string(), brokerClusterName: f.string(), brokerId: f.long() },
})
