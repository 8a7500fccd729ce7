import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CLEAN_BROKER_DATA: forgets brokers of a group; ids are separated by semicolons, none means all. */
export const cleanBrokerData = request({
  code: 1011,
  header: {
    clusterName: f.string().optional(),
    brokerName: f.string(),
    brokerControllerIdsToClean: f.string().optional(),
    isCleanLivingBroker: f.bool().default(false),
    invokeTime: f.long().default(0),
  },
})
