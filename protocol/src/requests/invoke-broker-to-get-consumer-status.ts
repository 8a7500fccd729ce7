import { getConsumerStatusBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** INVOKE_BROKER_TO_GET_CONSUMER_STATUS: asks a group's consumers where they stand. */
export const invokeBrokerToGetConsumerStatus = request({
  code: 223,
  header: { topic: f.string(), group: f.string(), clientAddr: f.string().optional() },
  replyBody: getConsumerStatusBody,
})
