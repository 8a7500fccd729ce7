import { f } from '../fields.ts'
import { request } from '../request.ts'

/** NOTIFY_MIN_BROKER_ID_CHANGE: a name server tells a group who has the lowest id now. */
export const notifyMinBrokerIdChange = request({
  code: 905,
  header: {
    minBrokerId: f.long().optional(),
    brokerName: f.string().optional(),
    minBrokerAddr: f.string().optional(),
    offlineBrokerAddr: f.string().optional(),
    haBrokerAddr: f.string().optional(),
  },
  oneWay: true,
})
