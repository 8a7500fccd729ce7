import { getConsumerStatusBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_CONSUMER_STATUS_FROM_CLIENT: where a consumer stands, by its own account. */
export const getConsumerStatusFromClient = request({
  code: 221,
  header: { topic: f.string(), group: f.string(), clientAddr: f.string().optional() },
  replyBody: getConsumerStatusBody,
})
