import { getBrokerMemberGroupResponseBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_BROKER_MEMBER_GROUP: the addresses of one broker group. */
export const getBrokerMemberGroup = request({
  code: 901,
  header: { clusterName: f.string(), brokerName: f.string() },
  replyBody: getBrokerMemberGroupResponseBody,
})
